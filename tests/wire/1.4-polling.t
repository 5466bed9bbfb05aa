# Engine.IO over HTTP long-polling: payloads (protocol 1.4)
app echo
options max_payload=10000

scenario the answers to GET and POST
a opens polling
a > POST $poll&sid=$a 40
a < 200 ok
a < headers Content-Type: text/html | cache-control: no-store
a > GET $poll&sid=$a
a < 200 40{"sid":"$id"}
a < headers Content-Type: text/plain; charset=UTF-8 | cache-control: no-store

scenario several packets in one payload, both ways
a opens polling
a joins
a > POST $poll&sid=$a 42["echo",1]\x1e42["echo","é€😀"]\x1e42["echo",3]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",1]\x1e42["echo","é€😀"]\x1e42["echo",3]

scenario binary travels as base64 with padding
a opens polling
a joins
a > POST $poll&sid=$a 451-["echo",{"_placeholder":true,"num":0}]\x1ebAQIDBA==
a < 200 ok
a > GET $poll&sid=$a
a < 200 451-["echo",{"_placeholder":true,"num":0}]\x1ebAQIDBA==

scenario base64 is read leniently: no padding, spaces, the url-safe alphabet, junk
a opens polling
a joins
a > POST $poll&sid=$a 454-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2},{"_placeholder":true,"num":3}]\x1ebAQIDBA\x1ebA Q I D\x1eb-_8=\x1ebA*Q(ID
a < 200 ok
a > GET $poll&sid=$a
a < 200 454-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2},{"_placeholder":true,"num":3}]\x1ebAQIDBA==\x1ebAQID\x1eb+/8=\x1ebAQID

scenario an empty binary message
a opens polling
a joins
a > POST $poll&sid=$a 451-["echo",{"_placeholder":true,"num":0}]\x1eb
a < 200 ok
a > GET $poll&sid=$a
a < 200 451-["echo",{"_placeholder":true,"num":0}]\x1eb

scenario a poll waits until there is something, then gets that alone
a opens polling
a joins
b > GET $poll&sid=$a
~ 10s
b < nothing
a > POST $poll&sid=$a 42["echo",1]
b < 200 42["echo",1]
a < 200 ok
a > POST $poll&sid=$a 42["echo",2]
a < 200 ok
b > GET $poll&sid=$a
b < 200 42["echo",2]

scenario what one turn produced leaves in one poll
a opens polling
a joins
b > GET $poll&sid=$a
a > POST $poll&sid=$a 42["burst",3]
a < 200 ok
b < 200 42["n",1]\x1e42["n",2]\x1e42["n",3]

scenario an empty POST is a parse error; the session is gone
a opens polling
a joins
a > POST $poll&sid=$a 
a < 200 ok
log disconnect / parse error
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario a separator in front
a opens polling
a joins
a > POST $poll&sid=$a \x1e42["echo",1]
a < 200 ok
log disconnect / parse error

scenario a separator behind: what stood before it was delivered
options log_any
a opens polling
a joins
a > POST $poll&sid=$a 42["echo",1]\x1e
a < 200 ok
log any / echo [1]
log disconnect / parse error

scenario a bad packet ends the session, pending polls get the close packet
a opens polling
a joins
b > GET $poll&sid=$a
a > POST $poll&sid=$a abc
a < 200 ok
b < 200 1
log disconnect / parse error
b > GET $poll&sid=$a
b < 400 {"code":1,"message":"Session ID unknown"}

scenario packets behind a close packet are dropped
options log_any
a opens polling
a joins
a > POST $poll&sid=$a 1\x1e42["echo",1]
a < 200 ok
log disconnect / transport close
log nothing

scenario application/octet-stream is refused and ends the session
a opens polling
a joins
a + Content-Type: application/octet-stream
a > POST $poll&sid=$a 42["echo",1]
a < 400
log disconnect / transport error
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario any other content type is text
a opens polling
a joins
a + Content-Type: application/json
a > POST $poll&sid=$a 42["echo",1]
a < 200 ok
a + Content-Type: text/plain;charset=UTF-8
a > POST $poll&sid=$a 42["echo",2]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",1]\x1e42["echo",2]

scenario a body of the exact maximum
a opens polling
a joins
a > POST $poll&sid=$a 42["echo","\*9987{x}"]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo","\*9987{x}"]

scenario one byte more is 413, and the session lives on
a opens polling
a joins
a > POST $poll&sid=$a 42["echo","\*9988{x}"]
a < 413
a > POST $poll&sid=$a 42["echo",1]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",1]

scenario a chunked body
a opens polling
a joins
a > raw POST $poll&sid=$a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n42["ec\r\n6\r\nho",1]\r\n0\r\n\r\n
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",1]

scenario a chunked body over the maximum
a opens polling
a joins
a > raw POST $poll&sid=$a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2711\r\n\*10001{x}\r\n0\r\n\r\n
a < 413
a > POST $poll&sid=$a 42["echo",1]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo",1]

scenario invalid UTF-8 becomes U+FFFD
a opens polling
a joins
a > POST $poll&sid=$a 42["echo","a\xff\xe2\x82b"]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["echo","a��b"]

scenario long answers are compressed with gzip when asked for
a opens polling
a joins
a > POST $poll&sid=$a 42["big",2000]
a < 200 ok
a + Accept-Encoding: gzip, deflate, br
a > GET $poll&sid=$a
a < 200 \x1f\x8b$*
a < headers Content-Type: text/plain; charset=UTF-8 | Content-Encoding: gzip | cache-control: no-store

scenario or with deflate
a opens polling
a joins
a > POST $poll&sid=$a 42["big",2000]
a < 200 ok
a + Accept-Encoding: deflate
a > GET $poll&sid=$a
a < 200 \x78$*
a < header Content-Encoding: deflate

scenario short ones are not, nor when nobody asks
a opens polling
a joins
a > POST $poll&sid=$a 42["big",100]
a < 200 ok
a + Accept-Encoding: gzip
a > GET $poll&sid=$a
a < 200 42["big","\*100{a}"]
a < no header Content-Encoding
a > POST $poll&sid=$a 42["big",2000]
a < 200 ok
a > GET $poll&sid=$a
a < 200 42["big","\*2000{a}"]
a < no header Content-Encoding

scenario an event may ask not to be compressed, but not for the others of its payload
a opens polling
a joins
a > POST $poll&sid=$a 42["bulky",2000]
a < 200 ok
a + Accept-Encoding: gzip
a > GET $poll&sid=$a
a < 200 42["big","\*2000{a}"]
a < no header Content-Encoding
a > POST $poll&sid=$a 42["bulky",2000]\x1e42["echo",1]
a < 200 ok
a + Accept-Encoding: gzip
a > GET $poll&sid=$a
a < 200 \x1f\x8b$*
a < header Content-Encoding: gzip

scenario compression can be off
options compression=0
a opens polling
a joins
a > POST $poll&sid=$a 42["big",2000]
a < 200 ok
a + Accept-Encoding: gzip
a > GET $poll&sid=$a
a < 200 42["big","\*2000{a}"]

scenario Internet Explorer is told not to look for scripts
a + User-Agent: Mozilla/5.0 (compatible;MSIE 10.0; Windows; Trident/6.0)
a > GET $poll
a < 200 0{"sid":"$a",$*
a < header X-XSS-Protection: 0
a + User-Agent: Mozilla/5.0 (compatible;MSIE 10.0; Windows; Trident/6.0)
a > POST $poll&sid=$a 40
a < 200 ok
a < header X-XSS-Protection: 0

scenario a second GET at the same time: 400, and the end of the session
a opens polling
a joins
b > GET $poll&sid=$a
c > GET $poll&sid=$a
c < 400
b < 200 1
log disconnect / transport error
c > GET $poll&sid=$a
c < 400 {"code":1,"message":"Session ID unknown"}

scenario a second POST at the same time: 400, the first connection is dropped, the end of the session
a opens polling
a joins
b > raw POST $poll&sid=$a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n42["
c > POST $poll&sid=$a 42["echo",1]
c < 400
b < end
log disconnect / transport error
c > GET $poll&sid=$a
c < 400 {"code":1,"message":"Session ID unknown"}

scenario a poll whose connection ends closes the session
a opens polling
a joins
b > GET $poll&sid=$a
b > hangup
log disconnect / transport error
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario so does a POST whose connection ends
a opens polling
a joins
b > raw POST $poll&sid=$a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n42["
b > hangup
log disconnect / transport error
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}

scenario a malformed chunked body is a transport error
a opens polling
a joins
b > raw POST $poll&sid=$a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n
b < 400
b < end
log disconnect / transport error

scenario other methods with a session are 500
a opens polling
a > PUT $poll&sid=$a 40
a < 500
a > DELETE $poll&sid=$a
a < 500
a > OPTIONS $poll&sid=$a
a < 500
a joins

scenario polls and posts may come on one connection, one after the other
a opens polling
a joins
a > raw POST $poll&sid=$a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n42["echo",1]GET $poll&sid=$a HTTP/1.1\r\nHost: localhost\r\n\r\n
a < 200 ok
a < 200 42["echo",1]

scenario what a slow poller may leave unfetched has a limit
options max_unsent=1000
a opens polling
a joins
w opens websocket
w joins
server emit / text \*900{x}
server emit / text \*900{y}
log disconnect / slow_consumer
w < text 42["text","\*900{x}"]
w < text 42["text","\*900{y}"]
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}
