// Who owns the cores: oneDNN and LibTorch both run on OpenMP here, whose thread
// count belongs to the calling thread. Whoever computes sets it for the call.
#ifndef NEVUS_COMPUTE_BACKBONE_OMP_THREADS_H_
#define NEVUS_COMPUTE_BACKBONE_OMP_THREADS_H_

#include <sched.h>

#include <functional>

namespace nevus {

// Calls work(0) ... work(n - 1), each once, on up to `threads` threads: the
// calling one and its helpers. For a thread that computes with them anyway:
// others would have to be made, and would find those awake that wait for their
// next layer. Rethrows what one of the calls threw, after all of them.
void ForEachOnOmp(int n, int threads, const std::function<void(int)>& work);

// Work that this thread starts until the end of the scope uses `threads` cores.
class ScopedOmpThreads {
 public:
  explicit ScopedOmpThreads(int threads);
  ~ScopedOmpThreads();
  ScopedOmpThreads(const ScopedOmpThreads&) = delete;
  ScopedOmpThreads& operator=(const ScopedOmpThreads&) = delete;

 private:
  const int before_;
};

// Within the scope the calling thread and its helper each keep to a core of
// their own, if `threads` is two and so is the number of cores that the caller
// may use. Linux leaves both on one core for tens of milliseconds while the
// other runs a thread of lower priority (seen on 6.18). Not for more than two:
// oneDNN lets helpers end where there is work for fewer, and new ones would
// inherit one core. Threads that are started outside of scopes do not.
class ScopedOmpPins {
 public:
  explicit ScopedOmpPins(int threads);
  ~ScopedOmpPins();
  ScopedOmpPins(const ScopedOmpPins&) = delete;
  ScopedOmpPins& operator=(const ScopedOmpPins&) = delete;

 private:
  bool pinned_ = false;
  cpu_set_t before_;  // of the caller, if pinned_
};

// At the end of the scope the helpers of the calling thread end, which GNU's
// OpenMP would keep for its next work. With more of them in the process than
// cores, idle ones too, those that compute sleep at every barrier instead of
// spinning, and each time wait for a core anew: so keep none without work.
class ScopedOmpHelpers {
 public:
  ScopedOmpHelpers() = default;
  ~ScopedOmpHelpers();
  ScopedOmpHelpers(const ScopedOmpHelpers&) = delete;
  ScopedOmpHelpers& operator=(const ScopedOmpHelpers&) = delete;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_OMP_THREADS_H_
