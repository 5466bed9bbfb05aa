# Engine.IO over WebSocket: framing (protocol 1.3)
app echo
options max_payload=10000

scenario one packet is one message
w opens websocket
w joins
w > text 42["echo","é€😀"]
w < text 42["echo","é€😀"]

scenario the separator of payloads means nothing here
w opens websocket
w joins
w > text 42["a"]\x1e42["b"]
w < close
log error / parse_error
log disconnect / forced close

scenario binary messages, empty ones too
w opens websocket
w joins
w > text 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
w > binary 00ff
w > binary
w < text 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
w < binary 00ff
w < binary

scenario base64 text is binary here, too
w opens websocket
w joins
w > text 451-["echo",{"_placeholder":true,"num":0}]
w > text bAQID
w < text 451-["echo",{"_placeholder":true,"num":0}]
w < binary 010203

scenario fragments with a ping between them
w opens websocket
w joins
w > part text 42["ec
w > ping 6869
w < pong 6869
w > more ho","a
w > more
w > last b"]
w < text 42["echo","ab"]

scenario binary in fragments
w opens websocket
w joins
w > text 451-["echo",{"_placeholder":true,"num":0}]
w > part binary 01
w > last \x02\x03
w < text 451-["echo",{"_placeholder":true,"num":0}]
w < binary 010203

scenario a character may be cut by a fragment
w opens websocket
w joins
w > part text 42["echo","\xe2\x82
w > last \xac"]
w < text 42["echo","€"]

scenario a message of the exact maximum
w opens websocket
w joins
w > text 42["echo","\*9987{x}"]
w < text 42["echo","\*9987{x}"]

scenario one byte more is too big
w opens websocket
w joins
w > text 42["echo","\*9988{x}"]
w < close 1009
w < end
log disconnect / transport error

scenario the limit is on the whole message
w opens websocket
w joins
w > part text 42["echo","\*5000{x}
w < nothing
w > last \*5000{x}"]
w < close 1009
w < end
log disconnect / transport error

scenario invalid UTF-8
w opens websocket
w joins
w > hex 8184123456782606a986
w < close 1007
w < end
log disconnect / transport error

scenario a frame without mask
w opens websocket
w joins
w > hex 810132
w < close 1002
w < end
log disconnect / transport error

scenario a reserved bit
w opens websocket
w joins
w > hex c1811234567821
w < close 1002
w < end
log disconnect / transport error

scenario an unknown opcode
w opens websocket
w joins
w > hex 83811234567821
w < close 1002
w < end
log disconnect / transport error

scenario a continuation of nothing
w opens websocket
w joins
w > last x
w < close 1002
w < end
log disconnect / transport error

scenario a close frame is answered with the same code and reason
w opens websocket
w joins
w > close 1001 bye
w < close 1001 bye
w < end
log disconnect / transport close

scenario an empty close frame
w opens websocket
w joins
w > close
w < close
w < end
log disconnect / transport close

scenario code 1000
w opens websocket
w joins
w > close 1000
w < close 1000
w < end
log disconnect / transport close

scenario the end of TCP without a close frame
w opens websocket
w joins
w > end
w < end
log disconnect / transport close

scenario a broken connection
w opens websocket
w joins
w > reset
log disconnect / transport close

scenario our close waits half a minute for the answer
w opens websocket
w joins
w > text 42["quit"]
w < text 41
w < close
w < nothing
~ 29990ms
w < nothing
~ 20ms
w < end

scenario after our close nothing is listened to
w opens websocket
w joins
w > text 42["quit"]
w < text 41
w < close
w > text 42["echo",1]
w > close
w < end

scenario two messages in one segment
w opens websocket
w joins
w > hex 818c1234567826060d5a77573e1730186725818c1234567826060d5a77573e1730186425
w < text 42["echo",1]
w < text 42["echo",2]
