# How sessions end (protocol 1.11)
app echo rooms

scenario the client closes on polling: its poll gets a noop
a opens polling
a joins
b > GET $poll&sid=$a
a > POST $poll&sid=$a 1
a < 200 ok
b < 200 6
log disconnect / transport close

scenario without a poll
a opens polling
a joins
a > POST $poll&sid=$a 1
a < 200 ok
log disconnect / transport close
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario the server closes while a poll waits: what is to say, then 1, at once
a opens polling
a joins
b > GET $poll&sid=$a
a > POST $poll&sid=$a 42["quit"]
b < 200 41\x1e1
a < 200 ok
log disconnect / server namespace disconnect
b > GET $poll&sid=$a
b < 400 {"code":1,"message":"Session ID unknown"}

scenario the server closes without a poll: the next one gets what waits and 1
a opens polling
a joins
a > POST $poll&sid=$a 42["echo",1]\x1e42["quit"]
a < 200 ok
log disconnect / server namespace disconnect
~ 29s
a > GET $poll&sid=$a
a < 200 42["echo",1]\x1e41\x1e1
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario with nothing to say, a noop and 1
a opens polling
a joins
a > POST $poll&sid=$a 44
a < 200 ok
log disconnect / forced close
a > GET $poll&sid=$a
a < 200 6\x1e1
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario nobody fetches it: after 30 s the session is forgotten
a opens polling
a joins
a > POST $poll&sid=$a 42["quit"]
a < 200 ok
~ 29999ms
a > POST $poll&sid=$a 42["echo",1]
a < 200 ok
~ 1ms
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario a POST of a session that was closed by us does nothing
options log_any
a opens polling
a joins
a > POST $poll&sid=$a 42["quit"]
a < 200 ok
log any / quit []
log disconnect / server namespace disconnect
a > POST $poll&sid=$a 42["echo",1]
a < 200 ok
log nothing

scenario the server closes a WebSocket
w opens websocket
w joins
w > text 42["quit"]
w < text 41
w < close
log disconnect / server namespace disconnect
w > close
w < end

scenario the server goes down: polls get 1, WebSockets an empty close frame
a opens polling
a joins
b > GET $poll&sid=$a
w opens websocket
w joins
v opens websocket
server closes
b < 200 1
w < close
v < close
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario the reason of that
w opens websocket
w joins
server closes
w < close
log disconnect / server shutting down

scenario a close during an upgrade ends both
a opens polling
a joins
b > GET $poll&sid=$a
w upgrades a
w > text 2probe
w < text 3probe
a > POST $poll&sid=$a 42["quit"]
a < 200 ok
b < 200 41\x1e1
w < close

scenario and without a poll
a opens polling
a joins
w upgrades a
w > text 2probe
w < text 3probe
a > POST $poll&sid=$a 42["quit"]
a < 200 ok
w < close
w > text 5
a > GET $poll&sid=$a
a < 200 41\x1e1

scenario a room is sent away, over both transports
a opens polling
a joins
a > POST $poll&sid=$a 42["join","r"]
a < 200 ok
w opens websocket
w joins
w > text 42["join","r"]
v opens websocket
v joins
server drops r
w < text 41
w < close
a > GET $poll&sid=$a
a < 200 41\x1e1
v < nothing
