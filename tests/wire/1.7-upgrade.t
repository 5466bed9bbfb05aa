# Engine.IO: from polling to WebSocket (protocol 1.7)
app echo

scenario the whole upgrade
a opens polling
a joins
b > GET $poll&sid=$a
w > upgrade $ws&sid=$a
w < 101
w < headers Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
w < nothing
w > text 2probe
w < text 3probe
b < nothing
~ 99ms
b < nothing
~ 1ms
b < 200 6
w > text 5
w < nothing
w > text 42["echo",1]
w < text 42["echo",1]
a > GET $poll&sid=$a
a < 400 {"code":3,"message":"Bad request"}
a > POST $poll&sid=$a 40
a < 400 {"code":3,"message":"Bad request"}
w > text 42["echo",2]
w < text 42["echo",2]

scenario polls that come later during the probe are released, too
a opens polling
w > upgrade $ws&sid=$a
w < 101
w > text 2probe
w < text 3probe
~ 150ms
b > GET $poll&sid=$a
~ 49ms
b < nothing
~ 1ms
b < 200 6
b > GET $poll&sid=$a
~ 100ms
b < 200 6

scenario without a probe polls are left alone
a opens polling
b > GET $poll&sid=$a
w upgrades a
~ 5s
b < nothing

scenario until 5 polling is the transport
a opens polling
a joins
w > upgrade $ws&sid=$a
w < 101
w > text 2probe
w < text 3probe
b > GET $poll&sid=$a
a > POST $poll&sid=$a 42["echo",1]
a < 200 ok
b < 200 42["echo",1]
w < nothing

scenario what waits leaves on the WebSocket, in order, binary too
a opens polling
a joins
a > POST $poll&sid=$a 42["echo",1]\x1e451-["echo",{"_placeholder":true,"num":0}]\x1ebAQID\x1e42["echo",2]
a < 200 ok
w takes over a
w < text 42["echo",1]
w < text 451-["echo",{"_placeholder":true,"num":0}]
w < binary 010203
w < text 42["echo",2]

scenario a poll still waiting when 5 comes is answered with 1
a opens polling
a joins
b > GET $poll&sid=$a
w takes over a
b < 200 1
w > text 42["echo",1]
w < text 42["echo",1]

scenario 5 without a probe will do
a opens polling
a joins
w upgrades a
w > text 5
w > text 42["echo",1]
w < text 42["echo",1]

scenario any other packet before 5 closes the WebSocket, and polling goes on
a opens polling
a joins
w upgrades a
w > text 42["echo",1]
w < close
w > close
w < end
a > POST $poll&sid=$a 42["echo",2]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",2]

scenario also behind the probe
a opens polling
a joins
w upgrades a
w > text 2probe
w < text 3probe
w > text 3
w < close
a > POST $poll&sid=$a 42["echo",2]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",2]

scenario a binary message, too
a opens polling
a joins
w upgrades a
w > binary 35
w < close

scenario a WebSocket that dies while probing costs nothing
a opens polling
a joins
w upgrades a
w > text 2probe
w < text 3probe
w > hangup
b > GET $poll&sid=$a
~ 1s
b < nothing
a > POST $poll&sid=$a 42["echo",2]
a < 200 ok
b < 200 42["echo",2]
v takes over a
v > text 42["echo",3]
v < text 42["echo",3]

scenario without 5 the WebSocket is closed after upgradeTimeout
a opens polling
a joins
w upgrades a
w > text 2probe
w < text 3probe
~ 9999ms
w < nothing
~ 1ms
w < close
a > POST $poll&sid=$a 42["echo",2]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",2]

scenario a shorter upgradeTimeout
options upgrade_timeout=500
a opens polling
w upgrades a
~ 499ms
w < nothing
~ 1ms
w < close

scenario a second WebSocket while one is upgrading is closed, the first not affected
a opens polling
a joins
w upgrades a
w > text 2probe
w < text 3probe
v upgrades a
v < close
w > text 5
w > text 42["echo",1]
w < text 42["echo",1]

scenario and after the upgrade
a opens polling
a joins
w takes over a
v upgrades a
v < close
v > close
v < end
w > text 42["echo",1]
w < text 42["echo",1]

scenario a WebSocket for a session that was one from the start
w opens websocket
w joins
v upgrades w
v < close
w > text 42["echo",1]
w < text 42["echo",1]

scenario when the session ends, so does the probe
a opens polling
a joins
w upgrades a
w > text 2probe
w < text 3probe
a > POST $poll&sid=$a 1
a < 200 ok
w < close
log disconnect / transport close

scenario the heartbeat goes on across an upgrade
options ping_interval=300 ping_timeout=200
a opens polling
a joins
~ 250ms
w takes over a
w < nothing
~ 50ms
w < text 2
w > text 3
~ 300ms
w < text 2

scenario a ping that waits for a poll leaves on the WebSocket
options ping_interval=300 ping_timeout=200
a opens polling
a joins
~ 300ms
w takes over a
w < text 2
w > text 3
~ 300ms
w < text 2

scenario the probe may come with the upgrade request, in one segment
a opens polling
w > raw GET $ws&sid=$a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x86\x00\x00\x00\x002probe
w < 101
w < text 3probe
