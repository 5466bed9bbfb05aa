# Connection state recovery (protocol 2.7)
app echo rooms acks guards
options recovery=120000

scenario offsets on what can be recovered, and on nothing else
w opens websocket
w > text 40
w < text 40{"sid":"$id","pid":"$pid"}
w > text 42["echo",1]
w < text 42["echo",1,"$o1"]
w > text 451-["echo",{"_placeholder":true,"num":0}]
w > binary 01
w < text 451-["echo",{"_placeholder":true,"num":0},"$o2"]
w < binary 01
w > text 42["volatile",1]
w < text 42["n",1]
w > text 427["echo",1]
w < text 437[1]
w > text 42["ask",1000,"a"]
w < text 420["question","a"]
w > text 430[]
w < text 42["answered",[],"$o3"]
w > text 42["all",2]
w < text 42["said",2,"$o4"]

scenario what was missed comes before the answer; ids and rooms stay
u opens websocket
u joins
w opens websocket
w joins
w > text 421["join","r"]
w < text 431[0]
w > text 42["echo","seen"]
w < text 42["echo","seen","$off"]
w > hangup
log disconnect / transport close
u > text 42["to","r","one"]
u > text 42["to","elsewhere","not this"]
u > text 42["to","$w_id","two"]
u > text 42["all","three"]
u < text 42["said","three",$*
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$off"}
x < text 42["said","one","$n1"]
x < text 42["said","two","$n2"]
x < text 42["said","three","$n3"]
x < text 40{"sid":"$w_id","pid":"$w_pid"}
x < nothing
u > text 42["to","r","four"]
x < text 42["said","four","$n4"]
x > text 422["rooms"]
x < text 432[["r"]]

scenario twice in a row, on whatever loop
u opens websocket
u joins
w opens websocket
w joins
u > text 42["all",0]
u < text 42["said",0,$*
w < text 42["said",0,"$o0"]
w > hangup
u > text 42["all",1]
u < text 42["said",1,$*
u > text 42["all",2]
u < text 42["said",2,$*
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o0"}
x < text 42["said",1,"$o1"]
x < text 42["said",2,"$o2"]
x < text 40{"sid":"$w_id","pid":"$w_pid"}
x > hangup
u > text 42["all",3]
u < text 42["said",3,$*
y opens websocket
y > text 40{"pid":"$w_pid","offset":"$o2"}
y < text 42["said",3,"$o3"]
y < text 40{"sid":"$w_id","pid":"$w_pid"}
y > hangup
z opens websocket
z > text 40{"pid":"$w_pid","offset":"$o3"}
z < text 40{"sid":"$w_id","pid":"$w_pid"}
z < nothing

scenario a client that had not read the last ones gets them again
u opens websocket
u joins
w opens websocket
w joins
u > text 42["all",0]
u < text 42["said",0,$*
w < text 42["said",0,"$o0"]
u > text 42["all",1]
u < text 42["said",1,$*
w < text 42["said",1,"$o1"]
w > hangup
u > text 42["all",2]
u < text 42["said",2,$*
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o0"}
x < text 42["said",1,"$o1"]
x < text 42["said",2,"$o2"]
x < text 40{"sid":"$w_id","pid":"$w_pid"}

scenario what was sent to it alone, among what was sent to all
u opens websocket
u joins
w opens websocket
w joins
w > text 42["burst",3]
w < text 42["n",1,"$a1"]
w < text 42["n",2,"$a2"]
w < text 42["n",3,"$a3"]
u > text 42["all","x"]
u < text 42["said","x",$*
w < text 42["said","x","$b1"]
w > text 42["burst",1]
w < text 42["n",1,"$a4"]
w > hangup
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$a1"}
x < text 42["n",2,"$a2"]
x < text 42["n",3,"$a3"]
x < text 42["said","x","$b1"]
x < text 42["n",1,"$a4"]
x < text 40{"sid":"$w_id","pid":"$w_pid"}

scenario events from outside the loops are recovered, too
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
w > hangup
server emit / news 2
server emit / news 3
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x < text 42["news","2","$o2"]
x < text 42["news","3","$o3"]
x < text 40{"sid":"$w_id","pid":"$w_pid"}

scenario binary that was missed
u opens websocket
u joins
w opens websocket
w joins
server emit / news 1
u < text 42["news","1",$*
w < text 42["news","1","$o1"]
w > hangup
u > text 451-["others",{"_placeholder":true,"num":0}]
u > binary 0102
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x < text 451-["said",{"_placeholder":true,"num":0},"$o2"]
x < binary 0102
x < text 40{"sid":"$w_id","pid":"$w_pid"}

scenario over polling
u opens websocket
u joins
w opens websocket
w joins
server emit / news 1
u < text 42["news","1",$*
w < text 42["news","1","$o1"]
w > hangup
u > text 42["others",2]
a opens polling
a > POST $poll&sid=$a 40{"pid":"$w_pid","offset":"$o1"}
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["said",2,"$o2"]\x1e40{"sid":"$w_id","pid":"$w_pid"}

scenario the sender of a broadcast that left before it does not get it back
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
w > text 42["others","not to me"]
w > hangup
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x < text 40{"sid":"$w_id","pid":"$w_pid"}
x < nothing

scenario too late
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
w > hangup
~ 120001ms
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x < text 40{"sid":"$new","pid":"$newpid"}

scenario just in time
w opens websocket
w joins
~ 10s
server emit / news 1
w < text 42["news","1","$o1"]
w > hangup
~ 119s
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x < text 40{"sid":"$w_id","pid":"$w_pid"}

scenario an unknown pid, one of a stranger's making
u opens websocket
u joins
server emit / news 1
u < text 42["news","1","$o1"]
x opens websocket
x > text 40{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"$o1"}
x < text 40{"sid":"$new","pid":"$newpid"}
y opens websocket
y > text 40{"pid":"-","offset":"$o1"}
y < text 40{"sid":"$new2","pid":"$newpid2"}

scenario a pid that is still connected
u opens websocket
u joins
server emit / news 1
u < text 42["news","1","$o1"]
x opens websocket
x > text 40{"pid":"$u_pid","offset":"$o1"}
x < text 40{"sid":"$new","pid":"$newpid"}
u > text 42["echo",1]
u < text 42["echo",1,$*

scenario a bad offset, one that never was, none
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
w > hangup
x opens websocket
x > text 40{"pid":"$w_pid","offset":"nonsense"}
x < text 40{"sid":"$new","pid":"$newpid"}
y opens websocket
y > text 40{"pid":"$w_pid","offset":".ffff"}
y < text 40{"sid":"$new2","pid":"$newpid2"}
z opens websocket
z > text 40{"pid":"$w_pid"}
z < text 40{"sid":"$new3","pid":"$newpid3"}
v opens websocket
v > text 40{"pid":"$w_pid","offset":1}
v < text 40{"sid":"$new4","pid":"$newpid4"}

scenario a session is given back once
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
w > hangup
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x < text 40{"sid":"$w_id","pid":"$w_pid"}
y opens websocket
y > text 40{"pid":"$w_pid","offset":"$o1"}
y < text 40{"sid":"$new","pid":"$newpid"}

scenario who left by its own will is not recovered
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
w > text 41
log disconnect / client namespace disconnect
w > text 40{"pid":"$w_pid","offset":"$o1"}
w < text 40{"sid":"$new","pid":"$newpid"}

scenario nor who was sent away
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
w > text 42["bye"]
w < text 41
w > text 40{"pid":"$w_pid","offset":"$o1"}
w < text 40{"sid":"$new","pid":"$newpid"}

scenario a ping timeout can be recovered from
options ping_interval=300 ping_timeout=200
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
~ 500ms
w < text 2
w < close
log disconnect / ping timeout
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x < text 40{"sid":"$w_id","pid":"$w_pid"}

scenario guards are skipped
w opens websocket
w > text 40/admin,{"token":"abc"}
w < text 40/admin,{"sid":"$sid","pid":"$pid"}
w < text 42/admin,["welcome",{},"$o1"]
w > hangup
x opens websocket
x > text 40/admin,{"pid":"$pid","offset":"$o1"}
x < text 40/admin,{"sid":"$sid","pid":"$pid"}
x < text 42/admin,["welcome",{},"$o2"]

scenario unless they are to be run
options recovery_runs_guards
w opens websocket
w > text 40/admin,{"token":"abc"}
w < text 40/admin,{"sid":"$sid","pid":"$pid"}
w < text 42/admin,["welcome",{},"$o1"]
w > hangup
x opens websocket
x > text 40/admin,{"pid":"$pid","offset":"$o1"}
x < text 44/admin,{"message":"not authorized","data":{"content":"please retry later"}}
x > text 40/admin,{"pid":"$pid","offset":"$o1","token":"abc"}
x < text 40/admin,{"sid":"$new","pid":"$newpid"}
x < text 42/admin,["welcome",{},$*

scenario the client goes away again before it has its state
w opens websocket
w joins
server emit / news 1
w < text 42["news","1","$o1"]
w > hangup
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x > hangup
y opens websocket
y > text 40{"pid":"$w_pid","offset":"$o1"}
y < text 40{"sid":"$w_id","pid":"$w_pid"}

scenario lost again with the last event to it alone, and in the middle of what was replayed
u opens websocket
u joins
w opens websocket
w joins
w > text 42["burst",3]
w < text 42["n",1,"$a1"]
w < text 42["n",2,"$a2"]
w < text 42["n",3,"$a3"]
w > hangup
u > text 42["others","x"]
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$a1"}
x < text 42["n",2,"$a2"]
x < text 42["n",3,"$a3"]
x < text 42["said","x","$b1"]
x < text 40{"sid":"$w_id","pid":"$w_pid"}
x > hangup
u > text 42["others","y"]
y opens websocket
y > text 40{"pid":"$w_pid","offset":"$a2"}
y < text 42["n",3,"$a3"]
y < text 42["said","x","$b1"]
y < text 42["said","y","$b2"]
y < text 40{"sid":"$w_id","pid":"$w_pid"}
y > hangup
z opens websocket
z > text 40{"pid":"$w_pid","offset":"$a3"}
z < text 42["said","x","$b1"]
z < text 42["said","y","$b2"]
z < text 40{"sid":"$w_id","pid":"$w_pid"}
z > text 42["burst",1]
z < text 42["n",1,"$c1"]
z > hangup
v opens websocket
v > text 40{"pid":"$w_pid","offset":"$c1"}
v < text 40{"sid":"$w_id","pid":"$w_pid"}
v < nothing

scenario two clients lost and found do not mix their events
v opens websocket
v joins
w opens websocket
w joins
w > text 42["burst",2]
w < text 42["n",1,"$w1"]
w < text 42["n",2,"$w2"]
v > text 42["burst",2]
v < text 42["n",1,"$v1"]
v < text 42["n",2,"$v2"]
w > hangup
v > hangup
server emit / news 1
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$w1"}
x < text 42["n",2,"$w2"]
x < text 42["news","1","$n1"]
x < text 40{"sid":"$w_id","pid":"$w_pid"}
y opens websocket
y > text 40{"pid":"$v_pid","offset":"$v1"}
y < text 42["n",2,"$v2"]
y < text 42["news","1","$n1"]
y < text 40{"sid":"$v_id","pid":"$v_pid"}
x > hangup
y > hangup
server emit / news 2
x2 opens websocket
x2 > text 40{"pid":"$w_pid","offset":"$n1"}
x2 < text 42["news","2","$n2"]
x2 < text 40{"sid":"$w_id","pid":"$w_pid"}
y2 opens websocket
y2 > text 40{"pid":"$v_pid","offset":"$v2"}
y2 < text 42["news","1","$n1"]
y2 < text 42["news","2","$n2"]
y2 < text 40{"sid":"$v_id","pid":"$v_pid"}

scenario lost again before anything else was sent
w opens websocket
w joins
w > text 42["burst",1]
w < text 42["n",1,"$a1"]
w > hangup
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$a1"}
x < text 40{"sid":"$w_id","pid":"$w_pid"}
x > hangup
y opens websocket
y > text 40{"pid":"$w_pid","offset":"$a1"}
y < text 40{"sid":"$w_id","pid":"$w_pid"}
server emit / news 1
y < text 42["news","1","$n1"]

scenario volatile events are not kept
u opens websocket
u joins
w opens websocket
w joins
server emit / news 1
u < text 42["news","1",$*
w < text 42["news","1","$o1"]
w > hangup
server flutters / leaf
u < text 42["leaf"]
x opens websocket
x > text 40{"pid":"$w_pid","offset":"$o1"}
x < text 40{"sid":"$w_id","pid":"$w_pid"}
x < nothing
