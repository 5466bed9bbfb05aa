"""A conversation by Debian's python3-socketio: prints one JSON object with what it saw.

usage: python_client.py URL TOKEN ROOM TRANSPORT
"""
import json
import queue
import sys

import socketio

DEADLINE = 10


def main(url, token, room, transport):
    client = socketio.Client(reconnection=False)
    arrived = {name: queue.Queue() for name in ("chat:history", "chat:new_message", "chat:user_joined", "error")}
    for name, inbox in arrived.items():
        client.on(name, inbox.put)

    client.connect(url, auth={"token": token}, transports=[transport])
    seen = {"transport": client.transport()}
    client.emit("chat:join", {"roomId": room})
    seen["history"] = arrived["chat:history"].get(timeout=DEADLINE)
    seen["ack"] = client.call("chat:message", {"roomId": room, "content": "from python ünïcödé"}, timeout=DEADLINE)
    seen["message"] = arrived["chat:new_message"].get(timeout=DEADLINE)
    client.emit("chat:message", {"roomId": room, "content": ""})
    seen["error"] = arrived["error"].get(timeout=DEADLINE)
    client.emit("chat:message", {"roomId": room, "content": "bye"})
    seen["answer"] = arrived["chat:new_message"].get(timeout=DEADLINE)
    client.disconnect()
    print(json.dumps(seen))


main(*sys.argv[1:])
