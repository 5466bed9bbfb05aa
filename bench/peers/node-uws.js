// node-echo.js with uWebSockets.js in place of Node's own HTTP server and `ws`. That package is not on npm: the
// README says how it is installed, and without it nobody starts this.
import { Server } from 'socket.io';
import uws from 'uWebSockets.js';
import { attachEcho } from './echo-handlers.js';

const app = uws.App();
const io = new Server();

attachEcho(io);
io.attachApp(app);
app.listen('127.0.0.1', Number(process.env.PORT ?? 3000), (listening) => {
  if (!listening) process.exit(1);
});
