# CORS and cookies (protocol 1.9); the tables are in http_vectors_test.c
app echo
options cors=list:http://client.example,http://b credentials

scenario without the option there is nothing
options 
a opens polling

scenario an origin on the list
a + Origin: http://client.example
a > GET $poll
a < 200 0{"sid":"$a",$*
a < headers Access-Control-Allow-Origin: http://client.example | Vary: Origin | Access-Control-Allow-Credentials: true | Content-Type: text/plain; charset=UTF-8 | cache-control: no-store

scenario one that is not, and none
a + Origin: http://evil
a > GET $poll
a < 200 0{"sid":"$a",$*
a < headers Vary: Origin | Access-Control-Allow-Credentials: true | Content-Type: text/plain; charset=UTF-8 | cache-control: no-store
a > GET $poll
a < 200 0{"sid":"$b",$*
a < header Vary: Origin
a < no header Access-Control-Allow-Origin

scenario errors carry the headers, too
a + Origin: http://b
a > GET $poll&sid=abc
a < 400 {"code":1,"message":"Session ID unknown"}
a < headers Access-Control-Allow-Origin: http://b | Vary: Origin | Access-Control-Allow-Credentials: true | Content-Type: application/json

scenario and the answers to POST, and 413
options max_payload=10
a opens polling
a + Origin: http://b
a > POST $poll&sid=$a 40
a < 200 ok
a < header Access-Control-Allow-Origin: http://b
a + Origin: http://b
a > POST $poll&sid=$a 42["echo","\*10{x}"]
a < 413
a < header Access-Control-Allow-Origin: http://b

scenario and the 101, also to strangers: CORS refuses nobody
w + Origin: http://b
w > upgrade $ws
w < 101
w < headers Upgrade: websocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | Access-Control-Allow-Origin: http://b | Vary: Origin | Access-Control-Allow-Credentials: true
w < text 0{"sid":"$w",$*
x + Origin: http://evil
x > upgrade $ws
x < 101
x < no header Access-Control-Allow-Origin
x < text 0{"sid":"$x",$*

scenario a preflight, before any other check
a + Origin: http://b
a + Access-Control-Request-Method: POST
a + Access-Control-Request-Headers: x-a, x-b
a > OPTIONS /socket.io/?EIO=4&transport=abc&sid=abc
a < 204
a < headers Access-Control-Allow-Origin: http://b | Vary: Origin, Access-Control-Request-Headers | Access-Control-Allow-Credentials: true | Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE | Access-Control-Allow-Headers: x-a, x-b

scenario a preflight of a stranger is answered all the same
a + Origin: http://evil
a > OPTIONS $poll
a < 204
a < headers Vary: Origin, Access-Control-Request-Headers | Access-Control-Allow-Credentials: true | Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE

scenario the cookie comes with the first answer over polling only
options cookie=io
a opens polling
a < header Set-Cookie: io=$a; Path=/; HttpOnly; SameSite=Lax
a > POST $poll&sid=$a 40
a < 200 ok
a < no header Set-Cookie
a > GET $poll&sid=$a
a < 200 40{"sid":"$id"}
a < no header Set-Cookie
w > upgrade $ws
w < 101
w < no header Set-Cookie
w < text 0{"sid":"$w",$*

scenario a cookie of one's own
options cookie=my-cookie
a opens polling
a < header Set-Cookie: my-cookie=$a; Max-Age=86400; Domain=a.b; Path=/x; HttpOnly; Secure; SameSite=Strict
