// Fills a database that `partyline migrate` has made: users, and rooms that are open to all of them, so that
// `partyline serve` is measured as it is run, with its checks of who may enter, and not in demo mode.
//
//     node seed.mjs FILE USERS ROOMS
const [file, users, rooms] = process.argv.slice(2);

async function openDatabase() {
  try {
    const { default: Database } = await import('better-sqlite3');
    return new Database(file);
  } catch {
    const { DatabaseSync } = await import('node:sqlite');
    return new DatabaseSync(file);
  }
}

const db = await openDatabase();
const now = Date.now();
const user = db.prepare(`INSERT INTO users (id, firebase_id, email, username, created_at, updated_at)
  VALUES (?, ?, ?, ?, ?, ?)`);
const party = db.prepare(`INSERT INTO party_events (id, host_id, title, status, is_private, created_at, updated_at)
  VALUES (?, 'bench-user-0', 'bench', 'LIVE', 0, ?, ?)`);
const room = db.prepare('INSERT INTO chat_rooms (id, party_id, created_at) VALUES (?, ?, ?)');

db.exec('BEGIN');
for (let i = 0; i < Number(users); i++) {
  user.run(`bench-user-${i}`, `bench-${i}`, `user${i}@bench.invalid`, `user${i}`, now, now);
}
for (let i = 0; i < Number(rooms); i++) {
  party.run(`bench-party-${i}`, now, now);
  room.run(`bench-${i}`, `bench-party-${i}`, now);
}
db.exec('COMMIT');
db.close();
