/* The server the official Engine.IO protocol suite is pointed at: echoes every message. */
#include "eio_example.h"

static void on_message(eio_session *s, bool binary, char *p, size_t n)
{
    example_send(s, binary, p, n);
}

int main(void)
{
    eio_config config = example_config();

    config.ping_interval_ms = 300;
    config.ping_timeout_ms = getenv("PATIENT") ? 1500 : 200; /* for a client on a busy machine */
    config.on_message = on_message;
    return example_run(&config, 3000);
}
