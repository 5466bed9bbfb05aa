/* The routes of api_rooms.c, for the table. */
#ifndef APP_API_API_ROOMS_H
#define APP_API_API_ROOMS_H

#include "app/api/api_int.h"

extern const char *const api_role_names[]; /* what a cohost may be */
extern const char *const api_rsvp_names[]; /* what a guest may have answered */

int  messages_check(api_call *k);
int  messages_run(api_call *k, db_conn *c);
void messages_publish(api_call *k);
int  make_room_run(api_call *k, db_conn *c);
int  room_run(api_call *k, db_conn *c);
int  members_run(api_call *k, db_conn *c);
int  put_member_check(api_call *k);
int  put_member_run(api_call *k, db_conn *c);
int  delete_member_run(api_call *k, db_conn *c);
void member_publish(api_call *k);

#endif
