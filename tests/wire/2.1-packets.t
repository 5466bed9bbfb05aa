# Socket.IO packets (protocol 2.1 and 2.2); tests/vectors has all cases of the decoder
app echo guards

scenario events, with and without an ack id
w opens websocket
w joins
w > text 42["echo",1]
w < text 42["echo",1]
w > text 420["echo",1]
w < text 430[1]
w > text 4213["echo",1,"2",{"a":[true,null]}]
w < text 4313[1,"2",{"a":[true,null]}]
w > text 427["echo"]
w < text 437[]

scenario in a namespace
w opens websocket
w joins /admin,{"token":"abc"}
w < text 42/admin,["welcome",{}]
w > text 42/admin,["echo",1]
w < text 42/admin,["echo",1]
w > text 42/admin,13["echo","x"]
w < text 43/admin,13["x"]
w > text 451-/admin,15["echo",{"_placeholder":true,"num":0}]
w > binary 0102
w < text 461-/admin,15[{"_placeholder":true,"num":0}]
w < binary 0102

scenario the namespace / may be written out
w opens websocket
w joins
w > text 42/,["echo",1]
w < text 42["echo",1]

scenario numbers and key order come back as they were written
w opens websocket
w joins
w > text 42["echo",1e400,-0,1.50,12345678901234567890,{"b":1,"a":2,"b":3}]
w < text 42["echo",1e400,-0,1.50,12345678901234567890,{"b":1,"a":2,"b":3}]

scenario white space behind the JSON
w opens websocket
w joins
w > text 42["echo",1] \n
w < text 42["echo",1]

scenario strings come back as they were written
w opens websocket
w joins
w > text 42["echo","\\u0041\\/\\ud83d\\ude00é\\n"]
w < text 42["echo","\\u0041\\/\\ud83d\\ude00é\\n"]

scenario a number as event name reaches nobody here
options log_any
w opens websocket
w joins
w > text 42[5,"x"]
w < nothing
log any / 5 ["x"]
w > text 42["","x"]
w < nothing
log any /  ["x"]

scenario an event that nobody listens to gets no ack
w opens websocket
w joins
w > text 421["unheard"]
w < nothing

scenario an event without data reaches nobody
w opens websocket
w joins
w > text 42
w > text 427
w < nothing
w > text 42["echo",1]
w < text 42["echo",1]

scenario attachments: order of numbers, repetition, fewer than announced
w opens websocket
w joins
w > text 452-["echo",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]
w > binary 01
w > binary 02
w < text 452-["echo",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]
w < binary 02
w < binary 01
w > text 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]
w > binary 01
w > binary 02
w < text 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
w < binary 01
w < binary 01
w > text 451-["echo"]
w > binary 01
w < text 42["echo"]

scenario placeholders in a text packet are plain data
w opens websocket
w joins
w > text 42["echo",{"_placeholder":true,"num":0}]
w < text 42["echo",{"_placeholder":true,"num":0}]

scenario a heartbeat may come between attachments
w opens websocket
w joins
w > text 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
w > text 3
w > binary 01
w > text 6
w > binary 02
w < text 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
w < binary 01
w < binary 02

scenario ten attachments are the limit
w opens websocket
w joins
w > text 4510-["echo",{"_placeholder":true,"num":9}]
w > binary 00
w > binary 01
w > binary 02
w > binary 03
w > binary 04
w > binary 05
w > binary 06
w > binary 07
w > binary 08
w < nothing
w > binary 09
w < text 451-["echo",{"_placeholder":true,"num":0}]
w < binary 09
w > text 4511-["echo"]
w < close

scenario a limit of one's own
options max_attachments=2
w opens websocket
w joins
w > text 453-["echo"]
w < close
log error / parse_error

scenario acks that nobody waits for are ignored
w opens websocket
w joins
w > text 43
w > text 430
w > text 430[]
w > text 43[]
w > text 43999["x"]
w > text 461-0[{"_placeholder":true,"num":0}]
w > binary 01
w < nothing

scenario names that are fine
options log_any
w opens websocket
w joins
w > text 42["error","x"]
w > text 42["connection"]
w > text 42["message"]
w < nothing
log any / error ["x"]
log any / connection []
log any / message []

scenario nested deep, but not too deep
w opens websocket
w joins
w > text 42["echo",\*62{[}1\*62{]}]
w < text 42["echo",\*62{[}1\*62{]}]
w > text 42["echo",\*1000{[}1\*1000{]}]
w < close
log error / parse_error
log disconnect / forced close

scenario the same over polling
a opens polling
a joins
a > POST $poll&sid=$a 42["echo",1]\x1e4213["echo",2]\x1e451-7["echo",{"_placeholder":true,"num":0}]\x1ebAQID
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",1]\x1e4313[2]\x1e461-7[{"_placeholder":true,"num":0}]\x1ebAQID

scenario attachments may come in another POST
a opens polling
a joins
a > POST $poll&sid=$a 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1ebAQ==
a < 200 ok
a > POST $poll&sid=$a bAg==
a < 200 ok
a > GET $poll&sid=$a
a < 200 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1ebAQ==\x1ebAg==

scenario and on the WebSocket after an upgrade
a opens polling
a joins
a > POST $poll&sid=$a 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1ebAQ==
a < 200 ok
w takes over a
w > binary 02
w < text 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
w < binary 01
w < binary 02
