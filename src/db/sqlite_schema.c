/* The schema for SQLite, where there is no backend that made it before us.
 *
 * Step 1 has the tables of Party Gallery under the names that Prisma gives them on PostgreSQL (its
 * counters, which only the REST backend reads, are left out). Step 2 has what partyline needs beyond them,
 * in tables of its own with the prefix partyline_ (on PostgreSQL: a schema of its own), so that the others
 * stay as they are.
 *
 * Where rows are written often, a CHECK names its values one by one: for an IN of three or more SQLite fills
 * a table in passing at every INSERT, a fifth of all it does for a message.
 *
 * A step is never changed once it was released: add another one. */
#include "db/db_int.h"

static const char party_gallery[] =
    "CREATE TABLE users ("
    " id TEXT PRIMARY KEY NOT NULL, firebase_id TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE,"
    " username TEXT UNIQUE, first_name TEXT, last_name TEXT, bio TEXT, avatar_url TEXT,"
    " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;"

    "CREATE TABLE user_follows ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " follower_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " following_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " created_at INTEGER NOT NULL, UNIQUE (follower_id, following_id)) STRICT;"
    "CREATE INDEX user_follows_following ON user_follows (following_id);"

    "CREATE TABLE party_events ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " host_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " title TEXT NOT NULL, description TEXT,"
    " status TEXT NOT NULL DEFAULT 'PLANNED' CHECK (status IN ('PLANNED', 'LIVE', 'ENDED', 'CANCELLED')),"
    " is_private INTEGER NOT NULL DEFAULT 0 CHECK (is_private IN (0, 1)), max_attendees INTEGER,"
    " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX party_events_host ON party_events (host_id);"

    "CREATE TABLE party_cohosts ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " party_id TEXT NOT NULL REFERENCES party_events (id) ON DELETE CASCADE,"
    " user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " role TEXT NOT NULL DEFAULT 'COHOST' CHECK (role IN ('COHOST', 'MODERATOR')),"
    " UNIQUE (party_id, user_id)) STRICT;"

    "CREATE TABLE party_attendees ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " party_id TEXT NOT NULL REFERENCES party_events (id) ON DELETE CASCADE,"
    " user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " status TEXT NOT NULL CHECK (status IN ('GOING', 'MAYBE', 'NOT_GOING')),"
    " UNIQUE (party_id, user_id)) STRICT;"

    "CREATE TABLE media_content ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " party_id TEXT NOT NULL REFERENCES party_events (id) ON DELETE CASCADE,"
    " uploader_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " type TEXT NOT NULL CHECK (type IN ('PHOTO', 'VIDEO', 'AUDIO')),"
    " url TEXT NOT NULL, thumbnail_url TEXT, width INTEGER, height INTEGER, duration_ms INTEGER, mood TEXT,"
    " created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX media_content_party ON media_content (party_id, created_at);"

    "CREATE TABLE chat_rooms ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " party_id TEXT NOT NULL UNIQUE REFERENCES party_events (id) ON DELETE CASCADE,"
    " created_at INTEGER NOT NULL) STRICT;"

    "CREATE TABLE chat_messages ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " room_id TEXT NOT NULL REFERENCES chat_rooms (id) ON DELETE CASCADE,"
    " sender_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " content TEXT NOT NULL,"
    " type TEXT NOT NULL DEFAULT 'TEXT' CHECK (type = 'TEXT' OR type = 'IMAGE' OR type = 'VIDEO'"
    " OR type = 'SYSTEM'),"
    " media_url TEXT, created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX chat_messages_room ON chat_messages (room_id, created_at);"
    "CREATE INDEX chat_messages_sender ON chat_messages (sender_id);"

    "CREATE TABLE device_tokens ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " token TEXT NOT NULL UNIQUE,"
    " platform TEXT NOT NULL CHECK (platform IN ('IOS', 'ANDROID', 'WEB')),"
    " created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX device_tokens_user ON device_tokens (user_id);"

    "CREATE TABLE notifications ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    " type TEXT NOT NULL CHECK (type IN ('NEW_FOLLOWER', 'NEW_RSVP', 'PARTY_REMINDER', 'NEW_MESSAGE',"
    "  'PARTY_LIVE', 'TAGGED_IN_MEDIA')),"
    " title TEXT NOT NULL, body TEXT NOT NULL, data TEXT,"
    " is_read INTEGER NOT NULL DEFAULT 0 CHECK (is_read IN (0, 1)),"
    " created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX notifications_user ON notifications (user_id, is_read, created_at);";

/* The primary key of partyline_messages is the order of a room, and the table is stored in it: "the last
 * 50" and "after seq 17" walk neighbours. sender_id is repeated here for the key that makes a client id
 * unique. */
static const char chat_order[] =
    "CREATE TABLE partyline_rooms ("
    " room_id TEXT PRIMARY KEY NOT NULL REFERENCES chat_rooms (id) ON DELETE CASCADE,"
    " last_seq INTEGER NOT NULL, last_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE partyline_messages ("
    " room_id TEXT NOT NULL REFERENCES chat_rooms (id) ON DELETE CASCADE,"
    " seq INTEGER NOT NULL,"
    " message_id TEXT NOT NULL UNIQUE REFERENCES chat_messages (id) ON DELETE CASCADE,"
    " sender_id TEXT NOT NULL, client_id TEXT,"
    " PRIMARY KEY (room_id, seq)) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX partyline_messages_client ON partyline_messages (room_id, sender_id, client_id)"
    " WHERE client_id IS NOT NULL;";

/* The log of a room: every seq of partyline_rooms.last_seq is a row in partyline_messages or in
 * partyline_changes, so "what happened after 17" is two walks along primary keys. rev is the seq of the last
 * thing that happened to a message. The number of each emoji is kept beside the reactions, since a history
 * must not count them. `filled`: the messages that were in the room before us have got their numbers. */
static const char chat_log[] =
    "ALTER TABLE partyline_rooms ADD COLUMN filled INTEGER NOT NULL DEFAULT 0 CHECK (filled IN (0, 1));"
    "ALTER TABLE partyline_messages ADD COLUMN rev INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE partyline_messages ADD COLUMN reply_to TEXT;"
    "ALTER TABLE partyline_messages ADD COLUMN edited_at INTEGER;"
    "ALTER TABLE partyline_messages ADD COLUMN deleted_at INTEGER;"
    "ALTER TABLE partyline_messages ADD COLUMN emojis INTEGER NOT NULL DEFAULT 0;"
    "UPDATE partyline_messages SET rev = seq;"

    "CREATE TABLE partyline_changes ("
    " room_id TEXT NOT NULL REFERENCES chat_rooms (id) ON DELETE CASCADE,"
    " seq INTEGER NOT NULL,"
    " kind TEXT NOT NULL CHECK (kind = 'edit' OR kind = 'delete' OR kind = 'react' OR kind = 'unreact'),"
    " message_id TEXT NOT NULL, user_id TEXT NOT NULL, emoji TEXT, created_at INTEGER NOT NULL,"
    " PRIMARY KEY (room_id, seq)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE partyline_reactions ("
    " message_id TEXT NOT NULL REFERENCES partyline_messages (message_id) ON DELETE CASCADE,"
    " emoji TEXT NOT NULL, user_id TEXT NOT NULL,"
    " PRIMARY KEY (message_id, emoji, user_id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE partyline_reaction_counts ("
    " message_id TEXT NOT NULL REFERENCES partyline_messages (message_id) ON DELETE CASCADE,"
    " emoji TEXT NOT NULL, users INTEGER NOT NULL, first_seq INTEGER NOT NULL,"
    " PRIMARY KEY (message_id, emoji)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE partyline_reads ("
    " user_id TEXT NOT NULL,"
    " room_id TEXT NOT NULL REFERENCES chat_rooms (id) ON DELETE CASCADE,"
    " seq INTEGER NOT NULL, PRIMARY KEY (user_id, room_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX partyline_reads_room ON partyline_reads (room_id);"
    "CREATE INDEX party_cohosts_user ON party_cohosts (user_id);"
    "CREATE INDEX party_attendees_user ON party_attendees (user_id);";

/* Answers of the HTTP API, for requests that are repeated. */
static const char api_keys[] =
    "CREATE TABLE partyline_idempotency ("
    " name TEXT PRIMARY KEY NOT NULL, print TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,"
    " created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX partyline_idempotency_age ON partyline_idempotency (created_at);";

/* Queues of jobs. The indexes are the order in which they are taken, who is due when, and what can
 * be forgotten. */
static const char jobs[] =
    "CREATE TABLE partyline_queues ("
    " name TEXT PRIMARY KEY NOT NULL, paused INTEGER NOT NULL CHECK (paused IN (0, 1)),"
    " window_at INTEGER NOT NULL, window_n INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE partyline_jobs ("
    " queue TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL, state INTEGER NOT NULL,"
    " priority INTEGER NOT NULL, ord INTEGER NOT NULL, due_at INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, attempts_made INTEGER NOT NULL DEFAULT 0,"
    " stalled INTEGER NOT NULL DEFAULT 0,"
    " backoff INTEGER NOT NULL, backoff_ms INTEGER NOT NULL, jitter INTEGER NOT NULL,"
    " complete_count INTEGER NOT NULL, complete_age INTEGER NOT NULL, fail_count INTEGER NOT NULL,"
    " fail_age INTEGER NOT NULL,"
    " lock_token TEXT, locked_until INTEGER NOT NULL DEFAULT 0,"
    " reason TEXT, result TEXT, progress TEXT, created_at INTEGER NOT NULL, finished_at INTEGER,"
    " PRIMARY KEY (queue, id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX partyline_jobs_order ON partyline_jobs (queue, state, priority, ord);"
    "CREATE INDEX partyline_jobs_due ON partyline_jobs (queue, state, due_at);"
    "CREATE INDEX partyline_jobs_finished ON partyline_jobs (queue, state, finished_at);";

/* Up to which number of a room's log everybody offline was dealt with; dirty: a job waits for what is behind
 * that. Rooms a user does not want to be pushed for: until_at 0 is for ever. */
static const char push[] =
    "CREATE TABLE partyline_pushed ("
    " room_id TEXT PRIMARY KEY NOT NULL REFERENCES chat_rooms (id) ON DELETE CASCADE,"
    " seq INTEGER NOT NULL, dirty INTEGER NOT NULL CHECK (dirty IN (0, 1))) STRICT, WITHOUT ROWID;"
    "CREATE TABLE partyline_mutes ("
    " user_id TEXT NOT NULL, room_id TEXT NOT NULL REFERENCES chat_rooms (id) ON DELETE CASCADE,"
    " until_at INTEGER NOT NULL, PRIMARY KEY (user_id, room_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX partyline_mutes_room ON partyline_mutes (room_id);";

/* Each message dirtied a page of this index, a third of what was written for it; it only served the removal
 * of a user, which may as well walk the table. */
static const char lean_messages[] = "DROP INDEX chat_messages_sender;";

static const db_step steps[] = {
    {"party gallery", party_gallery},
    {"chat order", chat_order},
    {"chat log", chat_log},
    {"api keys", api_keys},
    {"jobs", jobs},
    {"push", push},
    {"lean messages", lean_messages},
};
const db_step_list db_sqlite_steps = {steps, sizeof(steps) / sizeof(steps[0])};
