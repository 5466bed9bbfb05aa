/* The schema for PostgreSQL.
 *
 * Step 1 has the tables of Party Gallery as its Prisma schema makes them, for a database that has none; where
 * there is a table "users" they are somebody else's, and none is made or altered. The others have what
 * partyline needs beyond them, in a schema of its own, which Prisma never looks into. The search path of our
 * connections has both, so the same SQL finds them here and on SQLite.
 *
 * A step is never changed once it was released: add another one. */
#include "db/db_int.h"

#define TIME "timestamp(3) NOT NULL"
#define NOW  TIME " DEFAULT CURRENT_TIMESTAMP"
#define TO(table) " NOT NULL REFERENCES " table " (id) ON DELETE CASCADE ON UPDATE CASCADE"

static const char party_gallery[] =
    "DO $$ BEGIN"
    " IF current_schema() IS NOT DISTINCT FROM 'partyline' THEN"
    "  RAISE EXCEPTION 'the schema named in the database url does not exist';"
    " END IF;"
    " IF to_regclass('users') IS NOT NULL THEN RETURN; END IF;"

    " CREATE TYPE \"PartyStatus\" AS ENUM ('PLANNED', 'LIVE', 'ENDED', 'CANCELLED');"
    " CREATE TYPE \"CohostRole\" AS ENUM ('COHOST', 'MODERATOR');"
    " CREATE TYPE \"RSVPStatus\" AS ENUM ('GOING', 'MAYBE', 'NOT_GOING');"
    " CREATE TYPE \"MediaType\" AS ENUM ('PHOTO', 'VIDEO', 'AUDIO');"
    " CREATE TYPE \"MessageType\" AS ENUM ('TEXT', 'IMAGE', 'VIDEO', 'SYSTEM');"
    " CREATE TYPE \"Platform\" AS ENUM ('IOS', 'ANDROID', 'WEB');"
    " CREATE TYPE \"NotificationType\" AS ENUM ('NEW_FOLLOWER', 'NEW_RSVP', 'PARTY_REMINDER', 'NEW_MESSAGE',"
    "  'PARTY_LIVE', 'TAGGED_IN_MEDIA');"

    " CREATE TABLE users ("
    "  id text PRIMARY KEY, firebase_id text NOT NULL UNIQUE, email text NOT NULL UNIQUE,"
    " username text UNIQUE,"
    "  first_name text, last_name text, bio text, avatar_url text, created_at " NOW ", updated_at " TIME ");"

    " CREATE TABLE user_follows ("
    "  id text PRIMARY KEY, follower_id text" TO("users") ", following_id text" TO("users") ", created_at " NOW ","
    "  UNIQUE (follower_id, following_id));"
    " CREATE INDEX user_follows_following_id_idx ON user_follows (following_id);"

    " CREATE TABLE party_events ("
    "  id text PRIMARY KEY, host_id text" TO("users") ", title text NOT NULL, description text,"
    "  status \"PartyStatus\" NOT NULL DEFAULT 'PLANNED', is_private boolean NOT NULL DEFAULT false,"
    "  max_attendees integer, created_at " NOW ", updated_at " TIME ");"
    " CREATE INDEX party_events_host_id_idx ON party_events (host_id);"

    " CREATE TABLE party_cohosts ("
    "  id text PRIMARY KEY, party_id text" TO("party_events") ", user_id text" TO("users") ","
    "  role \"CohostRole\" NOT NULL DEFAULT 'COHOST', UNIQUE (party_id, user_id));"
    " CREATE INDEX party_cohosts_user_id_idx ON party_cohosts (user_id);"

    " CREATE TABLE party_attendees ("
    "  id text PRIMARY KEY, party_id text" TO("party_events") ", user_id text" TO("users") ","
    "  status \"RSVPStatus\" NOT NULL, UNIQUE (party_id, user_id));"
    " CREATE INDEX party_attendees_user_id_idx ON party_attendees (user_id);"

    " CREATE TABLE media_content ("
    "  id text PRIMARY KEY, party_id text" TO("party_events") ", uploader_id text" TO("users") ","
    "  type \"MediaType\" NOT NULL, url text NOT NULL, thumbnail_url text, width integer, height integer,"
    "  duration_ms integer, mood text, created_at " NOW ");"
    " CREATE INDEX media_content_party_id_created_at_idx ON media_content (party_id, created_at);"

    " CREATE TABLE chat_rooms ("
    "  id text PRIMARY KEY, party_id text" TO("party_events") " UNIQUE, created_at " NOW ");"

    " CREATE TABLE chat_messages ("
    "  id text PRIMARY KEY, room_id text" TO("chat_rooms") ", sender_id text" TO("users") ", content text NOT NULL,"
    "  type \"MessageType\" NOT NULL DEFAULT 'TEXT', media_url text, created_at " NOW ");"
    " CREATE INDEX chat_messages_room_id_created_at_idx ON chat_messages (room_id, created_at);"
    " CREATE INDEX chat_messages_sender_id_idx ON chat_messages (sender_id);"

    " CREATE TABLE device_tokens ("
    "  id text PRIMARY KEY, user_id text" TO("users") ", token text NOT NULL UNIQUE, platform"
    " \"Platform\" NOT NULL,"
    "  created_at " NOW ");"
    " CREATE INDEX device_tokens_user_id_idx ON device_tokens (user_id);"

    " CREATE TABLE notifications ("
    "  id text PRIMARY KEY, user_id text" TO("users") ", type \"NotificationType\" NOT NULL,"
    " title text NOT NULL,"
    "  body text NOT NULL, data jsonb, is_read boolean NOT NULL DEFAULT false, created_at " NOW ");"
    " CREATE INDEX notifications_user_id_is_read_created_at_idx ON notifications (user_id, is_read,"
    " created_at);"
    "END $$";

/* The row of a room is rewritten for each message: free room in its page keeps that out of the index. */
static const char chat_order[] =
    "CREATE TABLE partyline.partyline_rooms ("
    " room_id text PRIMARY KEY REFERENCES chat_rooms (id) ON DELETE CASCADE ON UPDATE CASCADE,"
    " last_seq bigint NOT NULL, last_at " TIME ") WITH (fillfactor = 50);"

    "CREATE TABLE partyline.partyline_messages ("
    " room_id text" TO("chat_rooms") ", seq bigint NOT NULL,"
    " message_id text UNIQUE" TO("chat_messages") ", sender_id text NOT NULL, client_id text,"
    " PRIMARY KEY (room_id, seq));"
    "CREATE UNIQUE INDEX partyline_messages_client ON partyline.partyline_messages (room_id, sender_id,"
    " client_id)"
    " WHERE client_id IS NOT NULL;";

/* As sqlite_schema.c, but for the two indexes on tables that are Prisma's: it would see them as drift. */
static const char chat_log[] =
    "ALTER TABLE partyline.partyline_rooms ADD COLUMN filled boolean NOT NULL DEFAULT false;"
    "ALTER TABLE partyline.partyline_messages"
    " ADD COLUMN rev bigint NOT NULL DEFAULT 0, ADD COLUMN reply_to text, ADD COLUMN edited_at timestamp(3),"
    " ADD COLUMN deleted_at timestamp(3), ADD COLUMN emojis integer NOT NULL DEFAULT 0;"
    "UPDATE partyline.partyline_messages SET rev = seq;"

    "CREATE TABLE partyline.partyline_changes ("
    " room_id text" TO("chat_rooms") ", seq bigint NOT NULL,"
    " kind text NOT NULL CHECK (kind IN ('edit', 'delete', 'react', 'unreact')),"
    " message_id text NOT NULL, user_id text NOT NULL, emoji text, created_at " TIME ", PRIMARY KEY (room_id, seq));"

    "CREATE TABLE partyline.partyline_reactions ("
    " message_id text NOT NULL REFERENCES partyline.partyline_messages (message_id) ON DELETE CASCADE,"
    " emoji text NOT NULL, user_id text NOT NULL, PRIMARY KEY (message_id, emoji, user_id));"
    "CREATE TABLE partyline.partyline_reaction_counts ("
    " message_id text NOT NULL REFERENCES partyline.partyline_messages (message_id) ON DELETE CASCADE,"
    " emoji text NOT NULL, users bigint NOT NULL, first_seq bigint NOT NULL,"
    " PRIMARY KEY (message_id, emoji));"

    "CREATE TABLE partyline.partyline_reads ("
    " user_id text NOT NULL, room_id text" TO("chat_rooms") ", seq bigint NOT NULL, PRIMARY KEY"
    " (user_id, room_id));"
    "CREATE INDEX partyline_reads_room ON partyline.partyline_reads (room_id);";

static const char api_keys[] =
    "CREATE TABLE partyline.partyline_idempotency ("
    " name text PRIMARY KEY, print text NOT NULL, status integer NOT NULL, body text NOT NULL, created_at " TIME ");"
    "CREATE INDEX partyline_idempotency_age ON partyline.partyline_idempotency (created_at);";

/* Rows that change often get room in their pages. */
static const char jobs[] =
    "CREATE TABLE partyline.partyline_queues ("
    " name text PRIMARY KEY, paused boolean NOT NULL, window_at bigint NOT NULL, window_n bigint NOT NULL);"
    "CREATE TABLE partyline.partyline_jobs ("
    " queue text NOT NULL, id text NOT NULL, name text NOT NULL, data text NOT NULL, state integer NOT NULL,"
    " priority bigint NOT NULL, ord bigint NOT NULL, due_at bigint NOT NULL,"
    " attempts bigint NOT NULL, attempts_made bigint NOT NULL DEFAULT 0, stalled bigint NOT NULL DEFAULT 0,"
    " backoff integer NOT NULL, backoff_ms bigint NOT NULL, jitter integer NOT NULL,"
    " complete_count bigint NOT NULL, complete_age bigint NOT NULL, fail_count bigint NOT NULL,"
    " fail_age bigint NOT NULL,"
    " lock_token text, locked_until bigint NOT NULL DEFAULT 0,"
    " reason text, result text, progress text, created_at bigint NOT NULL, finished_at bigint,"
    " PRIMARY KEY (queue, id)) WITH (fillfactor = 70);"
    "CREATE INDEX partyline_jobs_order ON partyline.partyline_jobs (queue, state, priority, ord);"
    "CREATE INDEX partyline_jobs_due ON partyline.partyline_jobs (queue, state, due_at);"
    "CREATE INDEX partyline_jobs_finished ON partyline.partyline_jobs (queue, state, finished_at);";

static const char push[] =
    "CREATE TABLE partyline.partyline_pushed ("
    " room_id text PRIMARY KEY REFERENCES chat_rooms (id) ON DELETE CASCADE ON UPDATE CASCADE,"
    " seq bigint NOT NULL, dirty boolean NOT NULL) WITH (fillfactor = 50);"
    "CREATE TABLE partyline.partyline_mutes ("
    " user_id text NOT NULL, room_id text" TO("chat_rooms") ", until_at bigint NOT NULL, PRIMARY KEY"
    " (user_id, room_id));"
    "CREATE INDEX partyline_mutes_room ON partyline.partyline_mutes (room_id);";

/* On SQLite an index goes; here the table is the application's. */
static const char lean_messages[] = "SELECT 1;";

static const db_step steps[] = {
    {"party gallery", party_gallery},
    {"chat order", chat_order},
    {"chat log", chat_log},
    {"api keys", api_keys},
    {"jobs", jobs},
    {"push", push},
    {"lean messages", lean_messages},
};
const db_step_list db_pg_steps = {steps, sizeof(steps) / sizeof(steps[0])};
