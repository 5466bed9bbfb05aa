/* The same queues in tables of the database, SQLite or PostgreSQL; several servers may share them. */
#ifndef JOBS_DBQ_H
#define JOBS_DBQ_H

#include "db/db.h"
#include "jobs/jobs.h"
#include "sio.h"

/* On loop 0 of the server. 0, SIO_ENOMEM. The database and the server outlive it. */
int dbq_new(jobs **out, db *d, sio_server *io);
/* Adds a job inside a transaction of the caller's: it is there exactly if that commits. data was
 * checked. id_text gets the id, with a 0 byte. 0, or an error of db_exec. Workers of this process hear
 * of it by dbq_wake. */
int dbq_add_in(db_conn *c, const char *queue, const char *name, sio_str data, const job_options *o,
               int64_t now_ms, char id_text[JOBS_ID_MAX + 1]);
/* Any thread, after the commit: there may be work. */
void dbq_wake(jobs *j);

#endif
