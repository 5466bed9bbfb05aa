# Engine.IO: refusals and their order (protocol 1.8)
app echo

scenario an unknown transport, or none
a > GET /socket.io/?EIO=4&transport=abc
a < 400 {"code":0,"message":"Transport unknown"}
a < headers Content-Type: application/json
log refused 0 Transport unknown
a > GET /socket.io/?EIO=4
a < 400 {"code":0,"message":"Transport unknown"}
a > GET /socket.io/?EIO=4&transport=webtransport
a < 400 {"code":0,"message":"Transport unknown"}
a > GET /socket.io/
a < 400 {"code":0,"message":"Transport unknown"}

scenario the transport is looked at before the session
a opens polling
a > GET /socket.io/?EIO=4&transport=abc&sid=$a
a < 400 {"code":0,"message":"Transport unknown"}

scenario an unknown session, with any method
a > GET $poll&sid=abc
a < 400 {"code":1,"message":"Session ID unknown"}
log refused 1 Session ID unknown
a > POST $poll&sid=abc 40
a < 400 {"code":1,"message":"Session ID unknown"}
a > PUT $poll&sid=abc 40
a < 400 {"code":1,"message":"Session ID unknown"}
a > GET $poll&sid=\*100{x}
a < 400 {"code":1,"message":"Session ID unknown"}

scenario the session is looked at before the protocol
a > GET /socket.io/?EIO=3&transport=polling&sid=abc
a < 400 {"code":1,"message":"Session ID unknown"}

scenario a session's transport cannot be guessed at
a opens polling
a > GET /socket.io/?EIO=4&transport=websocket&sid=$a
a < 400 {"code":3,"message":"Bad request"}
w opens websocket
a > GET $poll&sid=$w
a < 400 {"code":3,"message":"Bad request"}

scenario a new session by another method than GET
a > POST $poll 40
a < 400 {"code":2,"message":"Bad handshake method"}
log refused 2 Bad handshake method
a > PUT $poll 40
a < 400 {"code":2,"message":"Bad handshake method"}
a > HEAD $poll
a < HEAD 400
a > OPTIONS $poll
a < 400 {"code":2,"message":"Bad handshake method"}

scenario the method is looked at before the protocol
a > POST /socket.io/?EIO=3&transport=polling 40
a < 400 {"code":2,"message":"Bad handshake method"}

scenario websocket without an upgrade
a > GET $ws
a < 400 {"code":3,"message":"Bad request"}
log refused 3 Bad request

scenario another protocol revision
a > GET /socket.io/?EIO=3&transport=polling
a < 400 {"code":5,"message":"Unsupported protocol version"}
log refused 5 Unsupported protocol version
a > GET /socket.io/?transport=polling
a < 400 {"code":5,"message":"Unsupported protocol version"}
a > GET /socket.io/?EIO=5&transport=polling
a < 400 {"code":5,"message":"Unsupported protocol version"}

scenario allowRequest refuses
options allow=""
a > GET $poll
a < 403 {"code":4,"message":"Forbidden"}
log refused 4 Forbidden
w > upgrade $ws
w < 400 Forbidden
w < headers Connection: close | Content-type: text/html
w < end

scenario with a message
options allow="not \today\"
a > GET $poll
a < 403 {"code":4,"message":"not \\\\today\\\\"}
w > upgrade $ws
w < 400 not \\today\\
w < end

scenario allowRequest is asked before the protocol is looked at, and only without a session
options allow=""
a > GET /socket.io/?EIO=3&transport=polling
a < 403 {"code":4,"message":"Forbidden"}
a > GET $poll&sid=abc
a < 400 {"code":1,"message":"Session ID unknown"}
a > POST $poll 40
a < 400 {"code":2,"message":"Bad handshake method"}

scenario allowRequest takes its time
options allow_ms=100
a > GET $poll
w > upgrade $ws
~ 99ms
a < nothing
w < nothing
~ 1ms
a < 200 0{"sid":"$a",$*
w < 101
w < text 0{"sid":"$w",$*

scenario it takes its time and refuses
options allow_ms=100 allow="later"
a > GET $poll
w > upgrade $ws
~ 100ms
a < 403 {"code":4,"message":"later"}
w < 400 later
w < end

scenario the client goes away while allowRequest thinks
options allow_ms=100
a > GET $poll
a > hangup
w > upgrade $ws
w > reset
~ 200ms
b > GET $poll
~ 100ms
b < 200 0{"sid":"$b",$*

scenario a middleware fails
options on_request=fail
a > GET $poll
a < 400 {"code":3,"message":"Bad request"}
log refused 3 Bad request
a > GET /socket.io/?EIO=4&transport=abc
a < 400 {"code":3,"message":"Bad request"}
w > upgrade $ws
w < 400 Bad request
w < end

scenario a middleware answers by itself
options on_request=reply
a > GET $poll
a < 401 nope

scenario upgrades are refused with bare text, always 400
w > upgrade $ws&sid=abc
w < 400 Session ID unknown
w < headers Connection: close | Content-type: text/html
w < end
x > upgrade /socket.io/?EIO=4&transport=abc
x < 400 Transport unknown
x < end
y > upgrade /socket.io/?EIO=3&transport=websocket
y < 400 Unsupported protocol version
y < end

scenario an upgrade of a known session with another protocol revision
a opens polling
w > upgrade /socket.io/?EIO=3&transport=websocket&sid=$a
w < 400 Bad request
w < end
a joins

scenario an upgrade by POST
w > raw POST $ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n
w < 400 Bad handshake method
w < end

scenario an upgrade that asks for polling is accepted and closed
w > upgrade $poll
w < 101
w < close
w > close
w < end

scenario a wrong WebSocket version
w > raw GET $ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n
w < 400 Missing or invalid Sec-WebSocket-Version header
w < headers Connection: close | Content-Type: text/html | Sec-WebSocket-Version: 13, 8
w < end

scenario an empty key
w > raw GET $ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \r\n\r\n
w < 400 Missing or invalid Sec-WebSocket-Key header
w < headers Connection: close | Content-Type: text/html
w < end

scenario no key, and a refusal of the engine's comes first
w > raw GET $ws&sid=abc HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n
w < 400 Session ID unknown
w < end
x > raw GET $ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n
x < 400 Missing or invalid Sec-WebSocket-Key header
x < end

scenario a bad upgrade of a known session leaves it as it was
a opens polling
a joins
x > raw GET $ws&sid=$a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n
x < 400 Missing or invalid Sec-WebSocket-Key header
x < end
w takes over a
w > text 42["echo",1]
w < text 42["echo",1]

scenario an upgrade on a foreign path is closed without a byte after a second
w > upgrade /other/
~ 999ms
w < nothing
~ 1ms
w < end

scenario without the WebSocket transport an upgrade is a plain request
options transports=polling
w > upgrade $ws
w < 400 {"code":0,"message":"Transport unknown"}
x > upgrade $poll
x < 200 0{"sid":"$x",$*

scenario control characters in Origin
a > raw GET $poll HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\x01\r\n\r\n
a < 400
a < end
