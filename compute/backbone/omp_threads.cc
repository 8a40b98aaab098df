#include "compute/backbone/omp_threads.h"

#include <omp.h>
#include <sched.h>

namespace nevus {

ScopedOmpThreads::ScopedOmpThreads(int threads)
    : before_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}

ScopedOmpThreads::~ScopedOmpThreads() { omp_set_num_threads(before_); }

void PinTwoOmpThreads(int threads) {
#if defined(_OPENMP)
  cpu_set_t all;
  if (threads != 2 || sched_getaffinity(0, sizeof(all), &all) != 0 ||
      CPU_COUNT(&all) != 2) {
    return;
  }
#pragma omp parallel num_threads(2)
  {
    int left = omp_get_thread_num();
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &all) || left-- > 0) continue;
      cpu_set_t own;
      CPU_ZERO(&own);
      CPU_SET(cpu, &own);
      sched_setaffinity(0, sizeof(own), &own);
      break;
    }
  }
#endif
}

ScopedOmpHelpers::~ScopedOmpHelpers() {
  omp_pause_resource_all(omp_pause_soft);
}

}  // namespace nevus
