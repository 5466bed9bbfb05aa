# JSONP (protocol 1.10)
app echo

scenario a handshake
a > GET $poll&j=0
a < 200 ___eio[0]("0{\\"sid\\":\\"$a\\",\\"upgrades\\":[\\"websocket\\"],\\"pingInterval\\":25000,\\"pingTimeout\\":20000,\\"maxPayload\\":1000000}");
a < headers Content-Type: text/plain; charset=UTF-8 | cache-control: no-store

scenario of the number only digits stay
a > GET $poll&j=1a(2
a < 200 ___eio[12]("0{\\"sid\\":\\"$a\\",$*

scenario a body is a form field, and the number is the handshake's
a > GET $poll&j=7
a < 200 ___eio[7]("0{\\"sid\\":\\"$a\\",$*
a + Content-Type: application/x-www-form-urlencoded
a > POST $poll&sid=$a&j=8 d=40
a < 200 ok
a < headers Content-Type: text/html | cache-control: no-store
a > GET $poll&sid=$a&j=9
a < 200 ___eio[7]("40{\\"sid\\":\\"$id\\"}");

scenario escapes of the form: percent, newlines, backslashes
a > GET $poll&j=0
a < 200 ___eio[0]("0{\\"sid\\":\\"$a\\",$*
a > POST $poll&sid=$a&j=0 d=40
a < 200 ok
a > GET $poll&sid=$a&j=0
a < 200 ___eio[0]("40{\\"sid\\":\\"$id\\"}");
a > POST $poll&sid=$a&j=0 d=42%5B%22echo%22%2C%22a%20b+c%E2%82%AC%22%5D
a < 200 ok
a > GET $poll&sid=$a&j=0
a < 200 ___eio[0]("42[\\"echo\\",\\"a b c€\\"]");

scenario U+2028 and U+2029 are no line ends in JavaScript text
a > GET $poll&j=0
a < 200 ___eio[0]("0{\\"sid\\":\\"$a\\",$*
a > POST $poll&sid=$a&j=0 d=40
a < 200 ok
a > GET $poll&sid=$a&j=0
a < 200 ___eio[0]("40{\\"sid\\":\\"$id\\"}");
a > POST $poll&sid=$a&j=0 d=42["echo","\xe2\x80\xa8\xe2\x80\xa9"]
a < 200 ok
a > GET $poll&sid=$a&j=0
a < 200 ___eio[0]("42[\\"echo\\",\\"\\u2028\\u2029\\"]");

scenario a form without the field is ignored
a > GET $poll&j=0
a < 200 ___eio[0]("0{\\"sid\\":\\"$a\\",$*
a > POST $poll&sid=$a&j=0 x=40
a < 200 ok
a > POST $poll&sid=$a&j=0 d=40
a < 200 ok
a > GET $poll&sid=$a&j=0
a < 200 ___eio[0]("40{\\"sid\\":\\"$id\\"}");

scenario a session that was opened without j takes no forms
a opens polling
a > POST $poll&sid=$a&j=0 d=40
a < 200 ok
a > GET $poll&sid=$a
a < 400 {"code":1,"message":"Session ID unknown"}
