/* What the writer's thread does for a chat message, as chat/chat_send.c asks for it: the door, then the
 * message. Messages of several rooms share a transaction. */
#include "budget.h"

#include "app/chat/chat_store.h"
#include "base/list.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOMS = 4, IN_BATCH = 16, BATCHES = 40 };

static const char *const room[ROOMS] = {"room-a", "room-b", "room-c", "room-d"};
static const char user[] = "somebody";

typedef struct say {
    db_job base;
    unsigned n;
    bool last;
} say;

/* The writer waits in a job of its own until all others are queued, so that they fall into full batches. */
typedef struct gate {
    db_job base;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool reached, open, over;
} gate;

static gate the_gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void gate_set(bool *what)
{
    pthread_mutex_lock(&the_gate.lock);
    *what = true;
    pthread_cond_broadcast(&the_gate.change);
    pthread_mutex_unlock(&the_gate.lock);
}

static void gate_wait(const bool *what)
{
    pthread_mutex_lock(&the_gate.lock);
    while (!*what)
        pthread_cond_wait(&the_gate.change, &the_gate.lock);
    pthread_mutex_unlock(&the_gate.lock);
}

static int gate_run(db_job *j, db_conn *c)
{
    (void)j, (void)c;
    gate_set(&the_gate.reached);
    gate_wait(&the_gate.open);
    return 0;
}

static void gate_done(db_job *j)
{
    (void)j;
    budget_on();
}

static int say_run(db_job *base, db_conn *c)
{
    const say *s = container_of(base, say, base);
    chat_message m = {.room_id = sio_str_z(room[s->n % ROOMS]), .sender_id = sio_str_z(user),
                      .type = sio_lit("TEXT"),
                      .content = sio_lit("one hundred bytes, more or less, are what somebody says to a room "
                                         "of others in a chat"),
                      .created_ms = 1700000000000 + s->n};
    char id[CHAT_ID_LEN + 1];
    chat_door door;
    bool repeated;
    int err = chat_store_door(c, m.room_id, m.sender_id, &door);

    return err < 0 ? err : chat_store_add(c, &m, id, &repeated);
}

static void say_done(db_job *base)
{
    budget_check(base->err == 0, "message");
    if (!container_of(base, say, base)->last)
        return;
    budget_off();
    gate_set(&the_gate.over);
}

static void stretch(db *d, unsigned n)
{
    say *all = calloc(n, sizeof(*all));

    budget_check(all != NULL, "memory");
    the_gate.reached = the_gate.open = the_gate.over = false;
    the_gate.base = (db_job){.run = gate_run, .done = gate_done};
    budget_check(db_write(d, &the_gate.base) == 0, "gate");
    gate_wait(&the_gate.reached); /* alone in its batch */
    for (unsigned i = 0; i < n; i++) {
        all[i] = (say){.base = {.run = say_run, .done = say_done}, .n = i, .last = i == n - 1};
        budget_check(db_write(d, &all[i].base) == 0, "write");
    }
    gate_set(&the_gate.open);
    gate_wait(&the_gate.over);
    free(all);
}

static int rooms_run(db_job *j, db_conn *c)
{
    int err = chat_store_make_user(c, sio_str_z(user), sio_str_z(user), (sio_str){NULL, 0}, 1);

    (void)j;
    for (unsigned i = 0; i < ROOMS && err == 0; i++)
        err = chat_store_make_room(c, sio_str_z(room[i]), sio_str_z(user), 1);
    return err;
}

static void rooms_done(db_job *j)
{
    budget_check(j->err == 0, "rooms");
    gate_set(&the_gate.over);
}

static void store_scene(const char *url)
{
    db_job rooms = {.run = rooms_run, .done = rooms_done};
    char err[200] = "";
    db_options o;
    db *d;

    db_options_init(&o);
    o.url = url;
    o.max_batch = IN_BATCH;
    if (db_open(&d, &o, err, sizeof(err)) < 0)
        fprintf(stderr, "%s\n", err);
    budget_check(err[0] == '\0', "database");
    budget_check(db_write(d, &rooms) == 0, "write");
    gate_wait(&the_gate.over);
    stretch(d, IN_BATCH * BATCHES);
    budget_begin();
    for (unsigned n = IN_BATCH * BATCHES; n <= 2 * IN_BATCH * BATCHES; n += IN_BATCH * BATCHES) {
        stretch(d, n);
        budget_stretch("chat-message", n);
    }
    db_close(d);
}

void budget_store_scene(void)
{
    char dir[] = "/tmp/budget-XXXXXX", url[64], path[64];
    static const char *const tail[] = {"", "-wal", "-shm"};

    budget_check(mkdtemp(dir) != NULL, "directory");
    snprintf(url, sizeof(url), "sqlite:%s/p.db", dir);
    store_scene(url);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/p.db%s", dir, tail[i]);
        unlink(path);
    }
    rmdir(dir);
}
