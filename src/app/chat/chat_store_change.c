/* Edits, deletions and reactions. Each takes the next number of its room; what changes nothing takes none,
 * so a client may send again what was not acknowledged. */
#include "app/chat/chat_store.h"

/* ---- the message ------------------------------------------------------------------------------------ */

typedef struct found {
    const chat_change *ch;
    bool    there, own, is_system, same_content, has_media;
    int64_t rev, edited_ms, deleted_ms, emojis;
} found;

static int on_found(void *ctx, const db_row *r)
{
    found *f = ctx;

    f->there = true;
    f->own = sio_str_eq(db_col_text(r, 0), f->ch->user_id);
    f->rev = db_col_int(r, 1);
    f->edited_ms = db_col_time(r, 2);
    f->deleted_ms = db_col_time(r, 3);
    f->emojis = db_col_int(r, 4);
    f->same_content = sio_str_eq(db_col_text(r, 5), f->ch->content);
    f->has_media = db_col_text(r, 6).p != NULL;
    f->is_system = sio_str_eq(db_col_text(r, 7), sio_lit("SYSTEM"));
    return 0;
}

/* Clears the results; f->rev becomes the seq of a change that turns out to be a repeat. */
static int find(db_conn *c, chat_change *ch, found *f)
{
    int err;

    *f = (found){.ch = ch};
    ch->no = CHAT_YES;
    ch->repeated = false;
    ch->count = 0;
    err = db_query(c,
        "SELECT p.sender_id, p.rev, p.edited_at, p.deleted_at, p.emojis, m.content, m.media_url, m.type"
        " FROM partyline_messages p JOIN chat_messages m ON m.id = p.message_id"
        " WHERE p.message_id = ?1 AND p.room_id = ?2",
        db_args(db_text(ch->message_id), db_text(ch->room_id)), on_found, f);
    ch->seq = f->rev;
    return err;
}

static int on_seq(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

/* Takes the next number, and writes the entry. */
static int log_change(db_conn *c, chat_change *ch, const char *kind)
{
    int err = db_query(c,
                       "UPDATE partyline_rooms SET last_seq = last_seq + 1 WHERE room_id = ?1"
                       " RETURNING last_seq",
                       db_args(db_text(ch->room_id)), on_seq, &ch->seq);

    if (err < 0)
        return err;
    return db_exec(c, "INSERT INTO partyline_changes (room_id, seq, kind, message_id, user_id, emoji,"
                      " created_at)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   db_args(db_text(ch->room_id), db_int(ch->seq), db_text(sio_str_z(kind)),
                           db_text(ch->message_id),
                           db_text(ch->user_id), db_text(ch->emoji), db_time(ch->at_ms)));
}

/* ---- edit ------------------------------------------------------------------------------------------- */

static int write_edit(db_conn *c, const chat_change *ch)
{
    int err = db_exec(c, "UPDATE chat_messages SET content = ?2 WHERE id = ?1",
                      db_args(db_text(ch->message_id), db_text(ch->content)));

    if (err < 0)
        return err;
    return db_exec(c, "UPDATE partyline_messages SET rev = ?2, edited_at = ?3 WHERE message_id = ?1",
                   db_args(db_text(ch->message_id), db_int(ch->seq), db_time(ch->at_ms)));
}

int chat_store_edit(db_conn *c, chat_change *ch)
{
    found f;
    int err = find(c, ch, &f);

    if (err < 0)
        return err;
    if (!f.there || f.deleted_ms)
        ch->no = CHAT_NO_MESSAGE;
    else if (!f.own || f.is_system)
        ch->no = CHAT_NOT_YOURS;
    else if (!ch->content.n && !f.has_media)
        ch->no = CHAT_NO_CONTENT;
    else
        ch->repeated = f.same_content;
    if (ch->repeated && f.edited_ms)
        ch->at_ms = f.edited_ms;
    if (ch->no != CHAT_YES || ch->repeated)
        return 0;
    err = log_change(c, ch, "edit");
    return err < 0 ? err : write_edit(c, ch);
}

/* ---- delete ----------------------------------------------------------------------------------------- */

/* The row stays with its number; what was said goes, for the application's other readers too. */
static int write_delete(db_conn *c, const chat_change *ch)
{
    int err = db_exec(c, "UPDATE chat_messages SET content = '', media_url = NULL WHERE id = ?1",
                      db_args(db_text(ch->message_id)));

    if (err == 0)
        err = db_exec(c,
                      "UPDATE partyline_messages SET rev = ?2, deleted_at = ?3, emojis = 0"
                      " WHERE message_id = ?1",
                      db_args(db_text(ch->message_id), db_int(ch->seq), db_time(ch->at_ms)));
    if (err == 0)
        err = db_exec(c, "DELETE FROM partyline_reactions WHERE message_id = ?1",
                      db_args(db_text(ch->message_id)));
    if (err == 0)
        err = db_exec(c, "DELETE FROM partyline_reaction_counts WHERE message_id = ?1",
                      db_args(db_text(ch->message_id)));
    return err;
}

int chat_store_delete(db_conn *c, chat_change *ch)
{
    found f;
    int err = find(c, ch, &f);

    if (err < 0)
        return err;
    if (!f.there)
        ch->no = CHAT_NO_MESSAGE;
    else if (!ch->moderator && (!f.own || f.is_system))
        ch->no = CHAT_NOT_YOURS;
    else
        ch->repeated = f.deleted_ms != 0;
    if (ch->repeated)
        ch->at_ms = f.deleted_ms;
    if (ch->no != CHAT_YES || ch->repeated)
        return 0;
    err = log_change(c, ch, "delete");
    return err < 0 ? err : write_delete(c, ch);
}

/* ---- reactions -------------------------------------------------------------------------------------- */

static int on_count(void *ctx, const db_row *r)
{
    *(int64_t *)ctx = db_col_int(r, 0);
    return 0;
}

static int read_count(db_conn *c, chat_change *ch)
{
    return db_query(c, "SELECT users FROM partyline_reaction_counts WHERE message_id = ?1 AND emoji = ?2",
                    db_args(db_text(ch->message_id), db_text(ch->emoji)), on_count, &ch->count);
}

/* The row of the user; its absence or presence tells whether there is anything to do. */
static int toggle(db_conn *c, const chat_change *ch, bool add)
{
    if (add)
        return db_exec(c, "INSERT INTO partyline_reactions (message_id, emoji, user_id) VALUES (?1, ?2, ?3)"
                          " ON CONFLICT DO NOTHING",
                       db_args(db_text(ch->message_id), db_text(ch->emoji), db_text(ch->user_id)));
    return db_exec(c, "DELETE FROM partyline_reactions WHERE message_id = ?1 AND emoji = ?2 AND user_id = ?3",
                   db_args(db_text(ch->message_id), db_text(ch->emoji), db_text(ch->user_id)));
}

static int write_count(db_conn *c, const chat_change *ch)
{
    if (ch->count == 0)
        return db_exec(c, "DELETE FROM partyline_reaction_counts WHERE message_id = ?1 AND emoji = ?2",
                       db_args(db_text(ch->message_id), db_text(ch->emoji)));
    return db_exec(c, "INSERT INTO partyline_reaction_counts (message_id, emoji, users, first_seq)"
                      " VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (message_id, emoji) DO UPDATE SET users = excluded.users",
                   db_args(db_text(ch->message_id), db_text(ch->emoji), db_int(ch->count), db_int(ch->seq)));
}

/* The room's row is locked by log_change, so the counts of two servers do not cross. */
static int write_reaction(db_conn *c, chat_change *ch, bool add)
{
    int64_t emojis;
    int err = log_change(c, ch, add ? "react" : "unreact");

    if (err == 0)
        err = read_count(c, ch);
    if (err < 0)
        return err;
    emojis = add ? ch->count == 0 : -(ch->count == 1);
    ch->count += add ? 1 : -1;
    err = write_count(c, ch);
    if (err < 0)
        return err;
    return db_exec(c, "UPDATE partyline_messages SET rev = ?2, emojis = emojis + ?3 WHERE message_id = ?1",
                   db_args(db_text(ch->message_id), db_int(ch->seq), db_int(emojis)));
}

static int change_reaction(db_conn *c, chat_change *ch, bool add)
{
    found f;
    int err = find(c, ch, &f);

    if (err == 0 && f.there)
        err = read_count(c, ch);
    if (err < 0)
        return err;
    if (!f.there || f.deleted_ms)
        ch->no = CHAT_NO_MESSAGE;
    else if (add && ch->count == 0 && f.emojis >= CHAT_EMOJIS_MAX)
        ch->no = CHAT_TOO_MANY;
    if (ch->no != CHAT_YES)
        return 0;
    err = toggle(c, ch, add);
    if (err < 0)
        return err;
    ch->repeated = db_changes(c) == 0;
    return ch->repeated ? 0 : write_reaction(c, ch, add);
}

int chat_store_react(db_conn *c, chat_change *ch) { return change_reaction(c, ch, true); }
int chat_store_unreact(db_conn *c, chat_change *ch) { return change_reaction(c, ch, false); }
