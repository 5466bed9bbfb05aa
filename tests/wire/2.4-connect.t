# Joining and leaving namespaces (protocol 2.4)
app echo guards dynamic

scenario CONNECT and its answer
w opens websocket
w > text 40
w < text 40{"sid":"$id"}
w < nothing

scenario with auth, with an id, with the namespace written out
w opens websocket
w > text 40{"token":"x"}
w < text 40{"sid":"$a"}
x opens websocket
x > text 400
x < text 40{"sid":"$b"}
y opens websocket
y > text 40/,
y < text 40{"sid":"$c"}
z opens websocket
z > text 40{}
z < text 40{"sid":"$d"}
v opens websocket
v > text 401
v < text 40{"sid":"$e"}

scenario a guard refuses, with data; the connection stays
w opens websocket
w > text 40/admin,
w < text 44/admin,{"message":"not authorized","data":{"content":"please retry later"}}
w > text 40/admin,{"token":"bad"}
w < text 44/admin,{"message":"not authorized","data":{"content":"please retry later"}}
w > text 40/admin
w < text 44/admin,{"message":"not authorized","data":{"content":"please retry later"}}
w > text 40/admin,{"token":"abc"}
w < text 40/admin,{"sid":"$id"}
w < text 42/admin,["welcome",{}]

scenario without data
w opens websocket
w > text 40/nodata,
w < text 44/nodata,{"message":"nope"}

scenario a guard that takes its time
w opens websocket
w > text 40/later,
~ 49ms
w < nothing
~ 1ms
w < text 40/later,{"sid":"$id"}
w > text 42/later,["echo",1]
w < text 42/later,["echo",1]

scenario the payload is the handshake's auth
options keep_handshake
w opens websocket
w joins /admin,{"token":"abc","more":[1]}
w < text 42/admin,["welcome",{"token":"abc","more":[1]}]

scenario an unknown namespace
w opens websocket
w > text 40/unknown,
w < text 44/unknown,{"message":"Invalid namespace"}
w > text 40/admin?x=1,
w < text 44/admin?x=1,{"message":"Invalid namespace"}
w joins

scenario every socket has its own id
w opens websocket
w joins
w > text 40/dyn-1,
w < text 40/dyn-1,{"sid":"$other"}
w < text 42/dyn-1,["hi","/dyn-1"]

scenario dynamic namespaces
w opens websocket
w > text 40/dyn-12,
w < text 40/dyn-12,{"sid":"$a"}
w < text 42/dyn-12,["hi","/dyn-12"]
w > text 40/dyn-x,
w < text 44/dyn-x,{"message":"Invalid namespace"}
w > text 40/any-1,
w < text 44/any-1,{"message":"Invalid namespace"}
w > text 40/any-1,{"invited":true}
w < text 40/any-1,{"sid":"$b"}
w > text 42/any-1,["echo",1]
w < text 42/any-1,["echo",1]
v opens websocket
v > text 40/any-1,
v < text 40/any-1,{"sid":"$c"}

scenario dynamic namespaces have a limit
options max_namespaces=1
w opens websocket
w > text 40/dyn-1,
w < text 40/dyn-1,{"sid":"$a"}
w < text 42/dyn-1,["hi","/dyn-1"]
w > text 40/dyn-2,
w < text 44/dyn-2,{"message":"Invalid namespace"}
v opens websocket
v > text 40/dyn-1,
v < text 40/dyn-1,{"sid":"$b"}
v < text 42/dyn-1,["hi","/dyn-1"]

scenario and the namespaces of one client
options max_sockets=1
w opens websocket
w joins
w > text 40/dyn-1,
w < close

scenario disconnect by the client: no answer, the connection stays
w opens websocket
w joins
w > text 41
w < nothing
log disconnect / client namespace disconnect
w > text 40
w < text 40{"sid":"$again"}
w > text 42["echo",1]
w < text 42["echo",1]

scenario written out
w opens websocket
w joins
w > text 41/
w < nothing
log disconnect / client namespace disconnect

scenario disconnect by the server
w opens websocket
w joins
w > text 42["bye"]
w < text 41
log disconnect / server namespace disconnect
w > text 40
w < text 40{"sid":"$again"}

scenario of one namespace of two
w opens websocket
w joins
w joins /admin,{"token":"abc"}
w < text 42/admin,["welcome",{}]
w > text 41/admin,
log disconnect /admin client namespace disconnect
w > text 42["echo",1]
w < text 42["echo",1]

scenario of the whole connection: every namespace hears of it
w opens websocket
w joins
w joins /admin,{"token":"abc"}
w < text 42/admin,["welcome",{}]
w > text 42["quit"]
w < text 41/admin,
w < text 41
w < close
log disconnect /admin server namespace disconnect
log disconnect / server namespace disconnect
w > close
w < end

scenario a packet behind the disconnect of the client
w opens websocket
w joins
w > text 41
w > text 42["echo",1]
w < close

scenario connectTimeout: nobody joined in 45 s
w opens websocket
a opens polling
~ 25s
w < text 2
w > text 3
a > POST $poll&sid=$a 3
a < 200 ok
~ 19999ms
w < nothing
~ 1ms
w < close
a > GET $poll&sid=$a
a < 200 2\x1e1

scenario failed attempts do not count
options connect_timeout=1000
w opens websocket
~ 500ms
w > text 40/unknown,
w < text 44/unknown,{"message":"Invalid namespace"}
w > text 40/nodata,
w < text 44/nodata,{"message":"nope"}
~ 499ms
w < nothing
~ 1ms
w < close

scenario the first join ends it for good
options connect_timeout=1000
w opens websocket
~ 999ms
w joins
w > text 41
~ 10s
w < nothing
w > text 40
w < text 40{"sid":"$again"}

scenario guards that think too long
options connect_timeout=30
w opens websocket
w > text 40/later,
~ 29ms
w < nothing
~ 1ms
w < close
~ 100ms
w < nothing
