/* What main() dispatches to. Each returns the exit code: 0, 1 for a fault, 2 for settings
 * that cannot work. */
#ifndef MAIN_COMMANDS_H
#define MAIN_COMMANDS_H

#include "main/options.h"

#define EXIT_FAULT 1
#define EXIT_USAGE 2

/* serve.c: runs the server until it is told to stop. */
int command_serve(const options *o);
/* migrate.c: brings the database's tables up to date. */
int command_migrate(const options *o);
/* token.c: prints a token that a server with the same settings accepts. */
int command_token(const options *o);
/* vapid.c: prints the public key of Web Push, makes the key pair when there is none. */
int command_vapid(const options *o);

#endif
