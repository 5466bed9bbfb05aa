# Engine.IO: the path and the query (protocol 1.1)
app echo

scenario a handshake on the default path
a > GET /socket.io/?EIO=4&transport=polling
a < 200 0{"sid":"$sid","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
a < headers Content-Type: text/plain; charset=UTF-8 | cache-control: no-store

scenario everything that starts with the path is served
a > GET /socket.io/extra/x?EIO=4&transport=polling
a < 200 0{"sid":"$sid",$*

scenario without its trailing slash the path is not found
a > GET /socket.io?EIO=4&transport=polling
a < 404
a > GET /other
a < 404

scenario a path of one's own gets its slash
options path=/custom
a > GET /custom/?EIO=4&transport=polling
a < 200 0{"sid":"$sid",$*
a > GET /custom?EIO=4&transport=polling
a < 404
a > GET /socket.io/?EIO=4&transport=polling
a < 404

scenario a slash at the end of the option makes no difference
options path=/custom/
a > GET /custom/?EIO=4&transport=polling
a < 200 0{"sid":"$sid",$*

scenario addTrailingSlash false: the bare path, and what starts with it
options path=/custom exact_path
a > GET /custom?EIO=4&transport=polling
a < 200 0{"sid":"$sid",$*
a > GET /custom-foo?EIO=4&transport=polling
a < 200 0{"sid":"$other",$*
a > GET /custo?EIO=4&transport=polling
a < 404

scenario query keys and values are percent-decoded
a > GET /socket.io/?%45IO=%34&transport=poll%69ng
a < 200 0{"sid":"$sid",$*

scenario the last of duplicate keys counts
a > GET /socket.io/?EIO=3&EIO=4&transport=websocket&transport=polling
a < 200 0{"sid":"$sid",$*
a > GET /socket.io/?EIO=4&EIO=3&transport=polling
a < 400 {"code":5,"message":"Unsupported protocol version"}

scenario an empty sid is none; t is ignored
a > GET /socket.io/?EIO=4&transport=polling&sid=&t=abc123
a < 200 0{"sid":"$sid",$*

scenario later requests must say EIO=4, too
a opens polling
a > POST /socket.io/?transport=polling&sid=$a 40
a < 400 {"code":3,"message":"Bad request"}
a > GET /socket.io/?EIO=3&transport=polling&sid=$a
a < 400 {"code":3,"message":"Bad request"}
a joins

scenario b64 makes binary travel as text, on a WebSocket as well
w > upgrade $ws&b64=1
w < 101
w < text 0{"sid":"$w",$*
w joins
w > text 451-["echo",{"_placeholder":true,"num":0}]
w > binary 010203
w < text 451-["echo",{"_placeholder":true,"num":0}]
w < text bAQID

scenario an empty b64 is no b64
w > upgrade $ws&b64=
w < 101
w < text 0{"sid":"$w",$*
w joins
w > text 451-["echo",{"_placeholder":true,"num":0}]
w > binary 010203
w < text 451-["echo",{"_placeholder":true,"num":0}]
w < binary 010203
