# Engine.IO: the heartbeat (protocol 1.6). Timers may be up to 4 ms late.
app echo
options ping_interval=300 ping_timeout=200

scenario the first ping comes pingInterval after the handshake, the next one that long after the pong
w opens websocket
w joins
~ 299ms
w < nothing
~ 1ms
w < text 2
~ 50ms
w > text 3
~ 299ms
w < nothing
~ 1ms
w < text 2
w > text 3
~ 300ms
w < text 2

scenario without a pong the session is closed pingTimeout later
w opens websocket
w joins
~ 300ms
w < text 2
~ 199ms
w < nothing
~ 1ms
w < close
log disconnect / ping timeout
w > close
w < end

scenario on polling a waiting poll gets the ping, and without a pong the close packet
a opens polling
a joins
b > GET $poll&sid=$a
~ 300ms
b < 200 2
b > GET $poll&sid=$a
~ 200ms
b < 200 1
log disconnect / ping timeout
b > GET $poll&sid=$a
b < 400 {"code":1,"message":"Session ID unknown"}

scenario on polling the ping waits like any packet
a opens polling
a joins
~ 300ms
a > POST $poll&sid=$a 42["echo",1]
a < 200 ok
a > GET $poll&sid=$a
a < 200 2\x1e42["echo",1]
a > POST $poll&sid=$a 3
a < 200 ok
~ 299ms
b > GET $poll&sid=$a
b < nothing
~ 1ms
b < 200 2

scenario an unasked pong arms the timer anew
w opens websocket
w joins
~ 200ms
w > text 3
~ 299ms
w < nothing
~ 1ms
w < text 2

scenario other traffic does not postpone the ping
w opens websocket
w joins
~ 200ms
w > text 42["echo",1]
w < text 42["echo",1]
~ 100ms
w < text 2

scenario while a pong is due, the first other packet extends the deadline, the second does not
w opens websocket
w joins
~ 300ms
w < text 2
~ 150ms
w > text 6
~ 150ms
w > text 6
~ 49ms
w < nothing
~ 1ms
w < close
log disconnect / ping timeout

scenario the extension is there again with the next ping
w opens websocket
w joins
~ 300ms
w < text 2
~ 150ms
w > text 6
~ 150ms
w > text 3
~ 300ms
w < text 2
~ 150ms
w > text 6
~ 199ms
w < nothing
~ 1ms
w < close
log disconnect / ping timeout

scenario a WebSocket ping is no sign of life for the engine
w opens websocket
w joins
~ 300ms
w < text 2
~ 100ms
w > ping 01
w < pong 01
~ 100ms
w < close

scenario with the defaults: 25 s and 20 s
options ping_interval=25000 ping_timeout=20000
w opens websocket
w joins
~ 24999ms
w < nothing
~ 1ms
w < text 2
~ 19999ms
w < nothing
~ 1ms
w < close
log disconnect / ping timeout
