/* The routes of api_queues.c, for the table. */
#ifndef APP_API_API_QUEUES_H
#define APP_API_API_QUEUES_H

#include "app/api/api_int.h"

#define API_FAILED_MAX 100 /* jobs of one answer */

extern const char *const api_keeper_names[];

void queues_start(api_call *k);
void failed_start(api_call *k);
void retry_start(api_call *k);
void drop_start(api_call *k);
void pause_start(api_call *k);
void resume_start(api_call *k);

#endif
