/* vcac SOCKET DATABASE NAMES [CARD]: libcacard's CAC, whose keys are those of an NSS database, behind the reader driver
 * ifdtest. NAMES are up to three certificates, with commas between; SIGUSR1 pulls the card, SIGUSR2 puts it in, SIGHUP has
 * it pulled when the next signature is asked for, in the middle of that command. Prints "ready" when the reader has
 * powered it, and a line for each signal once it has taken effect: of two that come close together the later one may be
 * handled first. For tests only. build.sh builds it. */
#include <errno.h>
#include <libcacard.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* SIGN/DECRYPT (GSC-IS 2.1, 5.3.4.3) */
enum { SIGN = 0x42 };

static volatile sig_atomic_t out, out_at_signature;
static int wire = -1;
static volatile sig_atomic_t pulls;
static void done(void) {
    int kept = errno;
    if (write(STDOUT_FILENO, "done\n", 5) != 5) _exit(1);
    errno = kept;
}
static void on_pull(int s) { (void)s; out = 1, pulls++; if (wire >= 0) shutdown(wire, SHUT_RDWR); done(); }
static void on_put(int s) { (void)s; out = 0; done(); }
static void on_hangup(int s) { (void)s; out_at_signature = 1; done(); }

static int get(unsigned char *p, size_t n) {
    while (n) {
        ssize_t r = recv(wire, p, n, 0);
        if (r < 0 && errno == EINTR && !out) continue;
        if (r <= 0) return -1;
        p += r, n -= (size_t)r;
    }
    return 0;
}
static int put(const unsigned char *p, int n) {
    unsigned char b[70000];
    b[0] = (unsigned char)(n >> 8), b[1] = (unsigned char)n;
    memcpy(b + 2, p, (size_t)n);
    return send(wire, b, (size_t)n + 2, MSG_NOSIGNAL) == n + 2 ? 0 : -1;
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "vcac SOCKET DATABASE NAMES [CARD]\n"), 2;
    char opts[4096];
    snprintf(opts, sizeof opts, "db=\"sql:%s\" use_hw=no soft=(,Virtual Reader,%s,,%s)", argv[2], argc > 4 ? argv[4] : "CAC", argv[3]);
    if (vcard_emul_init(vcard_emul_options(opts)) != VCARD_EMUL_OK) return fprintf(stderr, "libcacard: cannot start\n"), 1;
    VReader *reader = vreader_get_reader_by_name("Virtual Reader");
    if (!reader || vreader_card_is_present(reader) != VREADER_OK) return fprintf(stderr, "libcacard: no card (nicknames?)\n"), 1;
    vreader_set_id(reader, 1);
    struct sigaction a = {.sa_handler = on_pull}, b = {.sa_handler = on_put}, c = {.sa_handler = on_hangup};
    sigaction(SIGUSR1, &a, NULL), sigaction(SIGUSR2, &b, NULL), sigaction(SIGHUP, &c, NULL);
    int said = 0;
    for (;;) {
        int before = pulls;
        if (out) { usleep(20000); continue; }
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        snprintf(at.sun_path, sizeof at.sun_path, "%s", argv[1]);
        wire = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(wire, (void *)&at, sizeof at)) { close(wire), wire = -1, usleep(20000); continue; }
        int powered = 0;
        /* A pull before there was a wire had nothing to cut. */
        while (pulls == before) {
            static unsigned char msg[65536], reply[65536];
            unsigned char len[2];
            if (get(len, 2)) break;
            int n = len[0] << 8 | len[1], rlen = sizeof reply;
            if (get(msg, (size_t)n)) break;
            if (n == 1) {
                unsigned char atr[64];
                int alen = sizeof atr;
                if (msg[0] == 0) vreader_power_off(reader);
                if (msg[0] == 1 || msg[0] == 2) { alen = sizeof atr, vreader_power_on(reader, atr, &alen), powered = 1; }
                if (msg[0] == 4) {
                    /* power_on returns the ATR and resets: keep the first */
                    static unsigned char kept[64];
                    static int klen;
                    if (!klen) { klen = sizeof kept; vreader_power_on(reader, kept, &klen); }
                    if (put(kept, klen)) break;
                    if (powered && !said) said = 1, puts("ready"), fflush(stdout);
                }
            } else {
                if (out_at_signature && n > 1 && msg[1] == SIGN) { out_at_signature = 0, out = 1; break; }
                if (vreader_xfr_bytes(reader, msg, n, reply, &rlen) != VREADER_OK) reply[0] = 0x6f, reply[1] = 0, rlen = 2;
                if (put(reply, rlen)) break;
            }
        }
        close(wire), wire = -1;
        usleep(20000);
    }
}
