# Rooms and flags (protocol 2.4 to 2.6)
app echo rooms

scenario volatile events are dropped while no poll waits
a opens polling
a joins
a > POST $poll&sid=$a 42["volatile",2]
a < 200 ok
a > POST $poll&sid=$a 42["echo",1]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",1]
b > GET $poll&sid=$a
a > POST $poll&sid=$a 42["volatile",1]
a < 200 ok
b < 200 42["n",1]

scenario on an idle WebSocket they arrive
w opens websocket
w joins
w > text 42["volatile",2]
w < text 42["n",1]
w < text 42["n",2]

scenario rooms: to others in the room, over all loops
u opens websocket
u joins
v opens websocket
v joins
w opens websocket
w joins
x opens websocket
x joins
u > text 421["join","r"]
u < text 431[0]
v > text 421["join","r"]
v < text 431[0]
w > text 421["join","r"]
w < text 431[0]
u > text 42["to","r","hello"]
v < text 42["said","hello"]
w < text 42["said","hello"]
x > text 42["to","r",{"b":[1]}]
u < text 42["said",{"b":[1]}]
v < text 42["said",{"b":[1]}]
w < text 42["said",{"b":[1]}]
v > text 421["leave","r"]
v < text 431[0]
u > text 42["to","r",2]
w < text 42["said",2]
w > hangup
u > text 42["to","r",3]

scenario to everybody, to the others, to those outside of a room
u opens websocket
u joins
v opens websocket
v joins
w opens websocket
w joins
u > text 42["all",1]
u < text 42["said",1]
v < text 42["said",1]
w < text 42["said",1]
u > text 42["others",2]
v < text 42["said",2]
w < text 42["said",2]
w > text 421["join","r"]
w < text 431[0]
u > text 42["but","r",3]
u < text 42["said",3]
v < text 42["said",3]

scenario every socket is in the room of its id
v opens websocket
v joins
w opens websocket
w joins
w > text 42["to","$v_id","psst"]
v < text 42["said","psst"]
w > text 42["to","$w_id","me"]

scenario binary reaches all loops and both transports
v opens websocket
v joins
a opens polling
a joins
b > GET $poll&sid=$a
w opens websocket
w joins
w > text 451-["others",{"_placeholder":true,"num":0}]
w > binary 0102
v < text 451-["said",{"_placeholder":true,"num":0}]
v < binary 0102
b < 200 451-["said",{"_placeholder":true,"num":0}]\x1ebAQI=

scenario joining twice is joining once; what rooms there are
w opens websocket
w joins
w > text 421["join","r"]
w < text 431[0]
w > text 421["join","r"]
w < text 431[0]
w > text 421["join","s"]
w < text 431[0]
w > text 422["rooms"]
w < text 432[["r","s"]]
w > text 421["leave","r"]
w < text 431[0]
w > text 422["rooms"]
w < text 432[["s"]]
w > text 421["leave","unknown"]
w < text 431[0]

scenario too many rooms, too long a name
options max_rooms=2
w opens websocket
w joins
w > text 421["join","a"]
w < text 431[0]
w > text 421["join","b"]
w < text 431[0]
w > text 421["join","c"]
w < text 431[-11]
w > text 421["join","a"]
w < text 431[0]
w > text 421["join","\*256{x}"]
w < text 431[-3]

scenario the server sends a room away
v opens websocket
v joins
w opens websocket
w joins
v > text 421["join","r"]
v < text 431[0]
server kicks r
v < text 41
w < nothing
log disconnect / server namespace disconnect

scenario events from outside the loops
v opens websocket
v joins
w opens websocket
w joins
server emit / news é"x
v < text 42["news","é\\"x"]
w < text 42["news","é\\"x"]
