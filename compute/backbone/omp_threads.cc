#include "compute/backbone/omp_threads.h"

#include <omp.h>

#include <exception>

namespace nevus {

void ForEachOnOmp(int n, int threads, const std::function<void(int)>& work) {
  std::exception_ptr thrown;  // may not leave OpenMP's block
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (int i = 0; i < n; ++i) {
    try {
      work(i);
    } catch (...) {
#pragma omp critical
      thrown = std::current_exception();
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

ScopedOmpThreads::ScopedOmpThreads(int threads)
    : before_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}

ScopedOmpThreads::~ScopedOmpThreads() { omp_set_num_threads(before_); }

ScopedOmpPins::ScopedOmpPins(int threads) {
#if defined(_OPENMP)
  if (threads != 2 || sched_getaffinity(0, sizeof(before_), &before_) != 0 ||
      CPU_COUNT(&before_) != 2) {
    return;
  }
  pinned_ = true;
#pragma omp parallel num_threads(2)
  {
    int left = omp_get_thread_num();
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &before_) || left-- > 0) continue;
      cpu_set_t own;
      CPU_ZERO(&own);
      CPU_SET(cpu, &own);
      sched_setaffinity(0, sizeof(own), &own);
      break;
    }
  }
#endif
}

ScopedOmpPins::~ScopedOmpPins() {
  if (pinned_) sched_setaffinity(0, sizeof(before_), &before_);
}

ScopedOmpHelpers::~ScopedOmpHelpers() {
  omp_pause_resource_all(omp_pause_soft);
}

}  // namespace nevus
