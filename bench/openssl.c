/* openssl DIR: OpenSSL as a contender of the bench. It answers the lines `accepts TASK SHAPE FILE` (with `true` or `false`)
 * and `time TASK SHAPE FILE TIMES` (with nanoseconds). DIR is written by src/bin/fixtures.rs. */
#include <openssl/ct.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bytes {
    unsigned char *at;
    long length;
};

struct task {
    const char *name;
    struct bytes leaf_der, issuer_der;
    X509 *leaf, *issuer; /* already read, for the SCTs by themselves */
};

static const char *dir;
static char *host;
static uint64_t now_ms;
static X509_STORE *roots;
static CTLOG_STORE *logs;

static void must(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "openssl contender: %s\n", what);
        exit(1);
    }
}

static struct bytes read_file(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    must(file != NULL, path);
    fseek(file, 0, SEEK_END);
    struct bytes bytes = {NULL, ftell(file)};
    rewind(file);
    bytes.at = calloc(1, bytes.length + 1);
    must(fread(bytes.at, 1, bytes.length, file) == (size_t)bytes.length, path);
    fclose(file);
    return bytes;
}

static X509 *parse(struct bytes der) {
    const unsigned char *at = der.at;
    return d2i_X509(NULL, &at, der.length);
}

static void prepare(void) {
    host = (char *)read_file("host").at;
    now_ms = strtoull((char *)read_file("at").at, NULL, 10);
    roots = X509_STORE_new();
    struct bytes pem = read_file("roots.pem");
    BIO *bio = BIO_new_mem_buf(pem.at, pem.length);
    for (X509 *root; (root = PEM_read_bio_X509(bio, NULL, NULL, NULL)); X509_free(root))
        must(X509_STORE_add_cert(roots, root), "roots.pem");
    BIO_free(bio);
    logs = CTLOG_STORE_new();
    char path[4096];
    snprintf(path, sizeof path, "%s/logs.conf", dir);
    must(CTLOG_STORE_load_file(logs, path), "logs.conf");
}

static int has_path(X509 *leaf, X509 *issuer, int with_name) {
    STACK_OF(X509) *presented = sk_X509_new_null();
    sk_X509_push(presented, issuer);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, roots, leaf, presented);
    X509_STORE_CTX_set_default(context, "ssl_server");
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(parameters, now_ms / 1000);
    if (with_name) X509_VERIFY_PARAM_set1_host(parameters, host, 0);
    int good = X509_verify_cert(context) == 1;
    X509_STORE_CTX_free(context);
    sk_X509_free(presented);
    return good;
}

static int has_scts(X509 *leaf, X509 *issuer) {
    STACK_OF(SCT) *scts = X509_get_ext_d2i(leaf, NID_ct_precert_scts, NULL, NULL);
    CT_POLICY_EVAL_CTX *context = CT_POLICY_EVAL_CTX_new();
    CT_POLICY_EVAL_CTX_set1_cert(context, leaf);
    CT_POLICY_EVAL_CTX_set1_issuer(context, issuer);
    CT_POLICY_EVAL_CTX_set_shared_CTLOG_STORE(context, logs);
    CT_POLICY_EVAL_CTX_set_time(context, now_ms);
    int good = scts != NULL && sk_SCT_num(scts) == 3 && SCT_LIST_validate(scts, context) == 1;
    CT_POLICY_EVAL_CTX_free(context);
    SCT_LIST_free(scts);
    return good;
}

/* What is timed. */
static int once(const struct task *task) {
    if (!strcmp(task->name, "scts")) return has_scts(task->leaf, task->issuer);
    int is_whole = !strcmp(task->name, "whole");
    X509 *leaf = parse(task->leaf_der), *issuer = parse(task->issuer_der);
    int good = leaf && issuer && has_path(leaf, issuer, is_whole) && (!is_whole || has_scts(leaf, issuer));
    X509_free(leaf);
    X509_free(issuer);
    return good;
}

static struct task task(const char *name, const char *shape, const char *file) {
    char path[256];
    struct task task = {.name = strdup(name)};
    snprintf(path, sizeof path, "%s/%s.der", shape, file);
    task.leaf_der = read_file(path);
    snprintf(path, sizeof path, "%s/issuer.der", shape);
    task.issuer_der = read_file(path);
    task.leaf = parse(task.leaf_der);
    task.issuer = parse(task.issuer_der);
    return task;
}

int main(int count, char **arguments) {
    must(count == 2, "usage: openssl DIR");
    dir = arguments[1];
    prepare();
    char verb[16], name[16], shape[64], file[64];
    while (scanf("%15s %15s %63s %63s", verb, name, shape, file) == 4) {
        struct task asked = task(name, shape, file);
        if (!strcmp(verb, "accepts")) {
            puts(once(&asked) ? "true" : "false");
        } else {
            long times;
            must(scanf("%ld", &times) == 1, "how many times?");
            struct timespec start, end;
            clock_gettime(CLOCK_MONOTONIC, &start);
            while (times-- > 0) must(once(&asked), "refused what it accepted before");
            clock_gettime(CLOCK_MONOTONIC, &end);
            printf("%ld\n", (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec);
        }
        fflush(stdout);
    }
    return 0;
}
