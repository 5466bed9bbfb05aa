# What the server does with bad input (protocol 2.3): nothing is sent but the close
app echo guards

scenario an event whose payload is no array
w opens websocket
w joins
w > text 42"echo"
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario an object
w opens websocket
w joins
w > text 42{}
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario an empty array
w opens websocket
w joins
w > text 42[]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario null
w opens websocket
w joins
w > text 42null
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario null as the name
w opens websocket
w joins
w > text 42[null]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario a boolean as the name
w opens websocket
w joins
w > text 42[true]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario an object as the name
w opens websocket
w joins
w > text 42[{"a":1}]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario the reserved name connect
w opens websocket
w joins
w > text 42["connect"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario the reserved name connect_error
w opens websocket
w joins
w > text 42["connect_error"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario the reserved name disconnect
w opens websocket
w joins
w > text 42["disconnect"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario the reserved name disconnecting
w opens websocket
w joins
w > text 42["disconnecting"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario the reserved name newListener
w opens websocket
w joins
w > text 42["newListener"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario the reserved name removeListener
w opens websocket
w joins
w > text 42["removeListener"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario a reserved name in escapes
w opens websocket
w joins
w > text 42["\\u0063onnect"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario text before the payload
w opens websocket
w joins
w > text 42abc["echo"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario a fraction as id
w opens websocket
w joins
w > text 421.5["echo",1]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario a negative id
w opens websocket
w joins
w > text 42-1["echo",1]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario JSON cut short
w opens websocket
w joins
w > text 42["echo",1
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario something behind the JSON
w opens websocket
w joins
w > text 42["echo"]x
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario an ack that is no array
w opens websocket
w joins
w > text 430{}
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario an unknown type
w opens websocket
w joins
w > text 47
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario another
w opens websocket
w joins
w > text 48
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario no type
w opens websocket
w joins
w > text 4
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario a letter as type
w opens websocket
w joins
w > text 4a
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario no attachments announced
w opens websocket
w joins
w > text 450-["echo",1]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario no number of attachments
w opens websocket
w joins
w > text 45["echo",1]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario no dash behind it
w opens websocket
w joins
w > text 451["echo",1]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario a dash alone
w opens websocket
w joins
w > text 45-["echo",1]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario too many attachments
w opens websocket
w joins
w > text 4511-["echo"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario a negative number of attachments
w opens websocket
w joins
w > text 45-1-["echo"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario a fraction of them
w opens websocket
w joins
w > text 451.5-["echo"]
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario disconnect with a payload
w opens websocket
w joins
w > text 41{}
w < close
log error / parse_error
log disconnect / forced close
w > close
w < end

scenario CONNECT again
w opens websocket
w joins
w > text 40
w < close
log disconnect / forced close
w > close
w < end

scenario CONNECT again, with auth
w opens websocket
w joins
w > text 40{"a":1}
w < close
log disconnect / forced close
w > close
w < end

scenario a packet for a namespace not joined
w opens websocket
w joins
w > text 42/admin,["echo",1]
w < close
log disconnect / forced close
w > close
w < end

scenario leaving a namespace not joined
w opens websocket
w joins
w > text 41/admin,
w < close
log disconnect / forced close
w > close
w < end

scenario CONNECT_ERROR from a client
w opens websocket
w joins
w > text 44{"message":"x"}
w < close
log disconnect / forced close
w > close
w < end

scenario CONNECT_ERROR without a payload
w opens websocket
w joins
w > text 44
w < close
log disconnect / forced close
w > close
w < end

scenario a placeholder beyond the attachments
w opens websocket
w joins
w > text 451-["echo",{"_placeholder":true,"num":1}]
w < nothing
w > binary 01
w < close
log error / parse_error
log disconnect / forced close

scenario a negative placeholder
w opens websocket
w joins
w > text 451-["echo",{"_placeholder":true,"num":-1}]
w < nothing
w > binary 01
w < close
log error / parse_error
log disconnect / forced close

scenario a text as placeholder
w opens websocket
w joins
w > text 451-["echo",{"_placeholder":true,"num":"0"}]
w < nothing
w > binary 01
w < close
log error / parse_error
log disconnect / forced close

scenario a placeholder without number
w opens websocket
w joins
w > text 451-["echo",{"_placeholder":true}]
w < nothing
w > binary 01
w < close
log error / parse_error
log disconnect / forced close

scenario the first packet is 40[]
w opens websocket
w > text 40[]
w < close
log nothing
w > close
w < end

scenario the first packet is 40"str"
w opens websocket
w > text 40"str"
w < close
log nothing
w > close
w < end

scenario the first packet is 40null
w opens websocket
w > text 40null
w < close
log nothing
w > close
w < end

scenario the first packet is 40{
w opens websocket
w > text 40{
w < close
log nothing
w > close
w < end

scenario the first packet is 41
w opens websocket
w > text 41
w < close
log nothing
w > close
w < end

scenario the first packet is 42["echo",1]
w opens websocket
w > text 42["echo",1]
w < close
log nothing
w > close
w < end

scenario the first packet is 43[]
w opens websocket
w > text 43[]
w < close
log nothing
w > close
w < end

scenario the first packet is 43
w opens websocket
w > text 43
w < close
log nothing
w > close
w < end

scenario the first packet is 44{"message":"x"}
w opens websocket
w > text 44{"message":"x"}
w < close
log nothing
w > close
w < end

scenario the first packet is 40,
w opens websocket
w > text 40,
w < close
log nothing
w > close
w < end

scenario text while attachments are missing
w opens websocket
w joins
w > text 451-["echo",{"_placeholder":true,"num":0}]
w > text 42["echo",1]
w < close
log error / parse_error
log disconnect / forced close

scenario even a disconnect
w opens websocket
w joins
w > text 451-["echo",{"_placeholder":true,"num":0}]
w > text 41
w < close
log error / parse_error
log disconnect / forced close

scenario binary that nobody announced
w opens websocket
w joins
w > binary 0102
w < close
log error / parse_error
log disconnect / forced close

scenario binary with attachments for a namespace not joined
w opens websocket
w joins
w > text 451-/admin,["echo",{"_placeholder":true,"num":0}]
w > binary 01
w < close
log disconnect / forced close

scenario every namespace of the client hears of it and ends
w opens websocket
w joins
w joins /admin,{"token":"abc"}
w < text 42/admin,["welcome",{}]
w > text 47
w < close
log error /admin parse_error
log error / parse_error
log disconnect /admin forced close
log disconnect / forced close

scenario over polling: what came before counts, the next poll gets the end
a opens polling
a joins
a > POST $poll&sid=$a 42["echo",1]\x1e47\x1e42["echo",2]
a < 200 ok
log error / parse_error
log disconnect / forced close
a > GET $poll&sid=$a
a < 200 42["echo",1]\x1e1

scenario a packet while guards think
w opens websocket
w > text 40/later,
w > text 42/later,["echo",1]
w < close
~ 100ms
w < nothing

scenario leaving while guards think
w opens websocket
w > text 40/later,
w > text 41/later,
w < close
~ 100ms
w < nothing

scenario the client goes away while guards think
w opens websocket
w > text 40/later,
w > hangup
~ 100ms

scenario two CONNECTs for one namespace in flight: the reference answers both, here it is one too many
w opens websocket
w > text 40/later,
w > text 40/later,
w < close
~ 100ms
w < nothing
