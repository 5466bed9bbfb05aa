/* `partyline migrate`: makes the tables that are missing, and changes nothing when there are none. */
#include "db/db.h"
#include "main/commands.h"

#include <stdio.h>

int command_migrate(const options *o)
{
    char shown[4200], why[400];
    unsigned applied;
    db_options d;

    db_options_init(&d);
    d.url = o->config.database_url;
    config_url_mask(d.url, shown, sizeof(shown));
    if (db_migrate_only(&d, &applied, why, sizeof(why)) < 0) {
        fprintf(stderr, "partyline: %s: %s\n", shown, why);
        return EXIT_FAULT;
    }
    if (applied)
        printf("%s: %u steps done, the tables are up to date\n", shown, applied);
    else
        printf("%s: the tables were up to date\n", shown);
    return 0;
}
