/* The settings of push services as push wants them. */
#ifndef MAIN_PUSH_SETUP_H
#define MAIN_PUSH_SETUP_H

#include "main/config.h"
#include "push/push.h"

/* *out is NULL when no service is set up. 0, or -1 with *err, which names the setting. push_free ends it,
 * before the loops that use it go. */
int push_setup(push **out, const config *c, config_error *err);

#endif
