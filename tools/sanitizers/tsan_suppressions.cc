// Thread sanitizer suppressions, linked into every binary under --config=tsan.
//
// Debian's libraries are not instrumented, so the sanitizer cannot see that
// absl::Mutex (all of gRPC's locking) orders memory accesses. called_from_lib
// drops only what the library itself does through interceptors (malloc, memcpy,
// epoll): a race in a handler of ours that gRPC calls is still reported, which
// `race:libgrpc` would hide (every handler's stack has a gRPC frame). Each
// entry must match exactly one loaded library, hence the full sonames.
//
// Two habits follow: guard shared state with std::mutex, not absl::Mutex, and
// after Server::Shutdown read a service's state under its lock.

#if defined(__SANITIZE_THREAD__)
#define HAVE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAVE_TSAN 1
#endif
#endif

#ifdef HAVE_TSAN
extern "C" const char* __tsan_default_suppressions() {
  return
      // Objects that gRPC hands from thread to thread, touched by its own
      // inline code. Top frame only, and anchored: "grpc::" alone would match
      // each of our handlers by its grpc::ServerContext* parameter and hide
      // real races.
      "race_top:^grpc::\n"
      "race_top:^void grpc::internal::\n"
      "race_top:^google::protobuf::\n"
      // The bytes of a message, and of an error's details, that another thread
      // wrote: gRPC handed them over under locks that are not seen. Both read
      // what gRPC alone holds, before the message is anybody's; no handler of
      // ours is ever called below these frames, so none is hidden.
      "race:^grpc::SerializationTraits<*, void>::Deserialize(\n"
      "race:^grpc::internal::CallOpClientRecvStatus::FinishOp(\n"
      // A call's own object, made by the thread that calls in process and
      // destroyed by the one that serves, after the handler has returned.
      "race:^grpc::Server::SyncRequest::~SyncRequest(\n"
      "called_from_lib:libaddress_sorting.so.29\n"
      "called_from_lib:libcares.so.2\n"
      "called_from_lib:libcrypto.so.3\n"
      "called_from_lib:libgpr.so.29\n"
      "called_from_lib:libgrpc++.so.1.51\n"
      "called_from_lib:libgrpc++_reflection.so.1.51\n"
      "called_from_lib:libgrpc.so.29\n"
      "called_from_lib:libprotobuf.so.32\n"
      "called_from_lib:libre2.so.9\n"
      "called_from_lib:librocksdb.so.7.8\n"
      "called_from_lib:libssl.so.3\n"
      "called_from_lib:libupb.so.29\n"
      "called_from_lib:libtorch_cpu.so.1.13\n"
      "called_from_lib:libc10.so.1.13\n"
      "called_from_lib:libdnnl.so.2\n"
      "called_from_lib:libgomp.so.1\n"
      "called_from_lib:libabsl_bad_optional_access.so.20220623\n"
      "called_from_lib:libabsl_bad_variant_access.so.20220623\n"
      "called_from_lib:libabsl_base.so.20220623\n"
      "called_from_lib:libabsl_city.so.20220623\n"
      "called_from_lib:libabsl_cord.so.20220623\n"
      "called_from_lib:libabsl_cord_internal.so.20220623\n"
      "called_from_lib:libabsl_cordz_functions.so.20220623\n"
      "called_from_lib:libabsl_cordz_handle.so.20220623\n"
      "called_from_lib:libabsl_cordz_info.so.20220623\n"
      "called_from_lib:libabsl_debugging_internal.so.20220623\n"
      "called_from_lib:libabsl_demangle_internal.so.20220623\n"
      "called_from_lib:libabsl_exponential_biased.so.20220623\n"
      "called_from_lib:libabsl_graphcycles_internal.so.20220623\n"
      "called_from_lib:libabsl_hash.so.20220623\n"
      "called_from_lib:libabsl_int128.so.20220623\n"
      "called_from_lib:libabsl_low_level_hash.so.20220623\n"
      "called_from_lib:libabsl_malloc_internal.so.20220623\n"
      "called_from_lib:libabsl_random_internal_platform.so.20220623\n"
      "called_from_lib:libabsl_random_internal_pool_urbg.so.20220623\n"
      "called_from_lib:libabsl_random_internal_randen.so.20220623\n"
      "called_from_lib:libabsl_random_internal_randen_hwaes.so.20220623\n"
      "called_from_lib:libabsl_random_internal_randen_hwaes_impl.so.20220623\n"
      "called_from_lib:libabsl_random_internal_randen_slow.so.20220623\n"
      "called_from_lib:libabsl_random_internal_seed_material.so.20220623\n"
      "called_from_lib:libabsl_random_seed_gen_exception.so.20220623\n"
      "called_from_lib:libabsl_raw_hash_set.so.20220623\n"
      "called_from_lib:libabsl_raw_logging_internal.so.20220623\n"
      "called_from_lib:libabsl_spinlock_wait.so.20220623\n"
      "called_from_lib:libabsl_stacktrace.so.20220623\n"
      "called_from_lib:libabsl_status.so.20220623\n"
      "called_from_lib:libabsl_statusor.so.20220623\n"
      "called_from_lib:libabsl_str_format_internal.so.20220623\n"
      "called_from_lib:libabsl_strerror.so.20220623\n"
      "called_from_lib:libabsl_strings.so.20220623\n"
      "called_from_lib:libabsl_strings_internal.so.20220623\n"
      "called_from_lib:libabsl_symbolize.so.20220623\n"
      "called_from_lib:libabsl_synchronization.so.20220623\n"
      "called_from_lib:libabsl_throw_delegate.so.20220623\n"
      "called_from_lib:libabsl_time.so.20220623\n"
      "called_from_lib:libabsl_time_zone.so.20220623\n";
}
#endif
