// uWebSockets.js alone, answering just enough Socket.IO by hand, rooms as its topics. See node-uws.js.
import uws from 'uWebSockets.js';

const app = uws.App();
const open = `0${JSON.stringify({
  sid: '00000000000000000000', upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000,
})}`;

function onEvent(ws, id, [name, first, second]) {
  if (name === 'echo') {
    ws.send(`43${id}${JSON.stringify([first])}`);
  } else if (name === 'join') {
    ws.subscribe(first.room);
    ws.send(`43${id}[]`);
  } else if (name === 'say') {
    app.publish(first, `42${JSON.stringify(['say', second])}`);
  }
}

app.ws('/*', {
  idleTimeout: 0,
  open: (ws) => ws.send(open),
  message: (ws, data) => {
    const text = Buffer.from(data).toString();
    if (text.startsWith('40')) return ws.send('40{"sid":"11111111111111111111"}');
    if (!text.startsWith('42')) return undefined;
    const start = text.indexOf('[');
    return onEvent(ws, text.slice(2, start), JSON.parse(text.slice(start)));
  },
});

app.listen('127.0.0.1', Number(process.env.PORT ?? 3000), (listening) => {
  if (!listening) process.exit(1);
});
