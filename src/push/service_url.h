/* URLs of the services that this server calls. */
#ifndef PUSH_SERVICE_URL_H
#define PUSH_SERVICE_URL_H

#include <stdbool.h>

/* NULL, or what is wrong with the URL: it must be https, or http to this machine, and hold no user; when
 * paths are put behind it (base) no query and no fragment either. Any thread. */
const char *service_url_fault(const char *url, bool base);

#endif
