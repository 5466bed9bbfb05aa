# Acknowledgements (protocol 2.5)
app echo acks
# ["ask", ms, value] makes the server ask the client; ["ask all", ms, value] everybody

scenario the server asks, ids start at 0 and are shared by the namespace
w opens websocket
w joins
v opens websocket
v joins
w > text 42["ask",1000,"a"]
w < text 420["question","a"]
v > text 42["ask",1000,"b"]
v < text 421["question","b"]
w > text 430["yes",2]
w < text 42["answered",["yes",2]]
v > text 431[]
v < text 42["answered",[]]

scenario an answer without arguments at all
w opens websocket
w joins
w > text 42["ask",1000,"a"]
w < text 420["question","a"]
w > text 430
w < text 42["answered",[]]

scenario an answer with binary
w opens websocket
w joins
w > text 42["ask",1000,"a"]
w < text 420["question","a"]
w > text 461-0[{"_placeholder":true,"num":0}]
w > binary 0102
w < text 451-["answered",[{"_placeholder":true,"num":0}]]
w < binary 0102

scenario a question with binary
w opens websocket
w joins
w > text 451-["ask",1000,{"_placeholder":true,"num":0}]
w > binary 0102
w < text 451-0["question",{"_placeholder":true,"num":0}]
w < binary 0102
w > text 430[1]
w < text 42["answered",[1]]

scenario no answer in time; a late one is ignored
w opens websocket
w joins
w > text 42["ask",1000,"a"]
w < text 420["question","a"]
~ 999ms
w < nothing
~ 1ms
w < text 42["unanswered","timeout"]
w > text 430[1]
w < nothing

scenario a second answer is ignored
w opens websocket
w joins
w > text 42["ask",1000,"a"]
w < text 420["question","a"]
w > text 430[1]
w < text 42["answered",[1]]
w > text 430[2]
w < nothing

scenario the answer of another client does not count
w opens websocket
w joins
v opens websocket
v joins
w > text 42["ask",1000,"a"]
w < text 420["question","a"]
v > text 430[1]
v < nothing
w < nothing
w > text 430[2]
w < text 42["answered",[2]]

scenario without a timeout the question stands while the connection does
w opens websocket
w joins
w > text 42["ask",0,"a"]
w < text 420["question","a"]
~ 20s
w < nothing
w > text 430[1]
w < text 42["answered",[1]]

scenario the client leaves first
w opens websocket
w joins
w > text 42["ask",1000,"a"]
w < text 420["question","a"]
w > text 41
log unanswered closed
log disconnect / client namespace disconnect

scenario the connection ends first
w opens websocket
w joins
w > text 42["ask",0,"a"]
w < text 420["question","a"]
w > hangup
log unanswered closed
log disconnect / transport close

scenario a second call of the callback is ignored
w opens websocket
w joins
w > text 425["twice"]
w < text 435[1]
w < nothing

scenario an ack that comes later
w opens websocket
w joins
w > text 425["later",100]
~ 99ms
w < nothing
~ 1ms
w < text 435["late"]

scenario an ack after the client has left
w opens websocket
w joins
w > text 425["later",100]
w > text 41
~ 200ms
w < nothing

scenario an ack after the connection has ended
w opens websocket
w joins
w > text 425["later",100]
w > hangup
~ 200ms

scenario everybody is asked, the first arguments come back
v opens websocket
v joins
w opens websocket
w joins
a opens polling
a joins
b > GET $poll&sid=$a
w > text 42["ask all",1000,"x"]
w < text 420["question","x"]
v < text 420["question","x"]
b < 200 420["question","x"]
w > text 430["w",0]
v > text 430["v",0]
w < nothing
a > POST $poll&sid=$a 430["a"]
a < 200 ok
w < text 42["answers","all",["w","v","a"]]

scenario some do not answer: what there is comes with an error
v opens websocket
v joins
w opens websocket
w joins
w > text 42["ask all",1000,"x"]
w < text 420["question","x"]
v < text 420["question","x"]
v > text 430["v"]
~ 999ms
w < nothing
~ 1ms
w < text 42["answers","timeout",["v"]]
w > text 430["late"]
w < nothing

scenario the asker may leave itself out
v opens websocket
v joins
w opens websocket
w joins
w > text 42["ask others",1000,"x"]
v < text 420["question","x"]
v > text 461-0[{"_placeholder":true,"num":0}]
v > binary 05
w < text 451-["answers","all",[{"_placeholder":true,"num":0}]]
w < binary 05

scenario nobody is there to be asked
w opens websocket
w joins
w > text 42["ask others",1000,"x"]
w < text 42["answers","all",[]]

scenario an empty answer counts as null
v opens websocket
v joins
w opens websocket
w joins
w > text 42["ask others",1000,"x"]
v < text 420["question","x"]
v > text 430[]
w < text 42["answers","all",[null]]

scenario one of those asked leaves: the timeout decides
v opens websocket
v joins
w opens websocket
w joins
w > text 42["ask others",1000,"x"]
v < text 420["question","x"]
v > hangup
~ 999ms
w < nothing
~ 1ms
w < text 42["answers","timeout",[]]
