# Engine.IO packets (protocol 1.2)
app echo

scenario a close packet on a WebSocket is ignored: only the connection counts
w opens websocket
w joins
w > text 1
w > text 1abc
w < nothing
w > text 42["echo",1]
w < text 42["echo",1]

scenario a ping from the client ends the session
w opens websocket
w joins
w > text 2
w < close
log disconnect / transport error
w > close
w < end

scenario so does a probe outside of an upgrade
w opens websocket
w joins
w > text 2probe
w < close
log disconnect / transport error
w > close
w < end

scenario pongs, opens, upgrades and noops are harmless
w opens websocket
w joins
w > text 3
w > text 3probe
w > text 0
w > text 5
w > text 6
w > text 6trailing
w < nothing
w > text 42["echo",1]
w < text 42["echo",1]

scenario an unknown type is a parse error
w opens websocket
w joins
w > text 7
w < close
log disconnect / parse error
w > close
w < end

scenario a letter is one, too
w opens websocket
w joins
w > text abc
w < close
log disconnect / parse error

scenario and an empty packet
w opens websocket
w joins
w > text
w < close
log disconnect / parse error

scenario on polling the close packet ends the session
a opens polling
a joins
b > GET $poll&sid=$a
a > POST $poll&sid=$a 1
a < 200 ok
b < 200 6
log disconnect / transport close
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario on polling a ping from the client is an error, too
a opens polling
a joins
b > GET $poll&sid=$a
a > POST $poll&sid=$a 2
a < 200 ok
b < 200 1
log disconnect / transport error

scenario on polling upgrades, noops and pongs do no harm
a opens polling
a joins
a > POST $poll&sid=$a 5\x1e6\x1e3\x1e0\x1e42["echo",1]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",1]
