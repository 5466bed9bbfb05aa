# Engine.IO: the handshake (protocol 1.5)
app echo

scenario over polling
a > GET $poll
a < 200 0{"sid":"$sid","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}

scenario over WebSocket
w > upgrade $ws
w < 101
w < headers Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
w < text 0{"sid":"$sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}

scenario the options are announced
options ping_interval=300 ping_timeout=200 max_payload=10000
a > GET $poll
a < 200 0{"sid":"$sid","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":10000}

scenario the socket's id is not the session's
w opens websocket
w > text 40
w < text 40{"sid":"$id"}
w > text 41
w > text 40
w < text 40{"sid":"$again"}
a > GET $poll&sid=$id
a < 400 {"code":1,"message":"Session ID unknown"}

scenario no upgrades are offered without allowUpgrades; a probe is served all the same
options no_upgrades
a > GET $poll
a < 200 0{"sid":"$a","upgrades":[],$*
w takes over a
w > text 40
w < text 40{"sid":"$id"}

scenario or without the transport
options transports=polling
a > GET $poll
a < 200 0{"sid":"$a","upgrades":[],$*
w > upgrade $ws
w < 400 {"code":0,"message":"Transport unknown"}

scenario WebSocket alone
options transports=websocket
a > GET $poll
a < 400 {"code":0,"message":"Transport unknown"}
w opens websocket
w joins

scenario the initial packet over polling
options initial=hello
a > GET $poll
a < 200 0{"sid":"$sid","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}\x1e4hello

scenario the initial packet over WebSocket
options initial=hello
w > upgrade $ws
w < 101
w < text 0{"sid":"$sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
w < text 4hello

scenario frames behind the upgrade request, in one segment with it
w > raw GET $ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\x00\x00\x00\x0040
w < 101
w < text 0{"sid":"$sid",$*
w < text 40{"sid":"$id"}

scenario headers of a hook: the first answer and later ones
options header=yes
a opens polling
a < header X-First: yes
a > POST $poll&sid=$a 40
a < 200 ok
a < header X-Later: yes
w > upgrade $ws
w < 101
w < header X-First: yes
w < text 0{"sid":"$w",$*
a > GET $poll&sid=abc
a < 400 {"code":1,"message":"Session ID unknown"}
a < header X-Later: yes
