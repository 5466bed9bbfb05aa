/* Compiled, not run: what a typed client may write, and behind each @ts-expect-error what it may not. */

import { io, type Socket } from "socket.io-client";
import type { Answer, ClientToServerEvents, Message, RefusalCode, ServerToClientEvents } from "partyline-types";

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io("http://localhost:3000", { auth: { token: "" } });

/* ---- sending ---- */

socket.emit("chat:join", { roomId: "lobby" });
socket.emit("chat:join", { roomId: "lobby" }, (answer) => {
    const room: string = answer.ok ? answer.roomId : answer.error.code;
    return room;
});
socket.emit("chat:message", { roomId: "lobby", content: "Hello!", type: "TEXT", clientId: null });
socket.emit("chat:typing", { roomId: "lobby", isTyping: true }, ({ ok }) => ok);

// @ts-expect-error there is no such event
socket.emit("chat:joyn", { roomId: "lobby" });
// @ts-expect-error the payload is missing
socket.emit("chat:join");
// @ts-expect-error a member is missing
socket.emit("chat:typing", { roomId: "lobby" });
// @ts-expect-error a member has the wrong type
socket.emit("chat:typing", { roomId: "lobby", isTyping: "yes" });
// @ts-expect-error a member that there is not
socket.emit("chat:join", { roomId: "lobby", roomName: "Lobby" });
// @ts-expect-error null where there must be something
socket.emit("chat:join", { roomId: null });
// @ts-expect-error SYSTEM is for the server to say
socket.emit("chat:message", { roomId: "lobby", content: "Hello!", type: "SYSTEM" });
// @ts-expect-error the answer has no result before it is known to be good
socket.emit("chat:message", { roomId: "lobby", content: "Hello!" }, (answer) => answer.seq);

export async function say(content: string): Promise<number> {
    const answer: Answer<{ seq: number }> = await socket.timeout(1000).emitWithAck("chat:message", { roomId: "lobby", content });

    if (answer.ok)
        return answer.seq;
    const code: RefusalCode = answer.error.code;
    throw new Error(`${code}: ${answer.error.message}`);
}

/* ---- listening ---- */

socket.on("chat:history", ({ roomId, messages }) => messages.map((message: Message) => [roomId, message.seq, message.type]));
socket.on("chat:new_message", (message) => {
    const name: string | null = message.sender.username;
    // @ts-expect-error the username may be null
    const sure: string = message.sender.username;
    // @ts-expect-error there is no such member
    return [name, sure, message.text];
});
socket.on("error", ({ message, code, event, retryAfterMs }) => [message, code, event, (retryAfterMs ?? 0) + 1]);
// @ts-expect-error the server sends no such event
socket.on("chat:goodbye", () => undefined);
