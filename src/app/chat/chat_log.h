/* The log of a room read back as the events that were told when its entries were written. */
#ifndef APP_CHAT_CHAT_LOG_H
#define APP_CHAT_CHAT_LOG_H

#include "app/chat/chat_order.h"
#include "db/db.h"

/* How far the logs of rooms go. */
typedef struct chat_head {
    sio_str room_id; /* in */
    bool    filled;  /* out: it is used through us, see chat_door */
    int64_t seq;     /* out: 0 without a log */
} chat_head;
#define CHAT_HEADS_MAX 32 /* rooms of one question */
/* Inside a job: all by one query. n from 1 to CHAT_HEADS_MAX. */
int chat_log_heads(db_conn *c, chat_head *h, unsigned n);

/* Inside a job: appends the entries (after, upto], upto <= after + CHAT_PAGE_MAX, in the order of seq.
 * chat_item.event is a chat_event, the text its payload. head is the log's end. The events are those that
 * were told, with these exceptions: a message's text is that of today, so an edit may say what only a later
 * one said; the sender's name and picture are those of today; and the count of a reaction is worked out from
 * that of today, so it may be too high when there is more behind upto, and wrong (but not below 1 for one
 * that was added) when the message was deleted since. What follows in the log puts all of it right. 0,
 * SIO_ENOMEM, db_query's. */
int chat_log_replay(db_conn *c, sio_str room_id, int64_t after, int64_t upto, chat_item ***tail);

/* An item with that payload, the next of none; NULL without memory or for a payload with binary data. */
chat_item *chat_log_item(unsigned event, int64_t seq, sio_val payload);

#endif
