// The unfinished jobs in numbers, for metrics.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_JOB_FIGURES_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_JOB_FIGURES_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"

namespace nevus {

struct JobFigures {
  // Unfinished jobs by kind and state, such as {"training", "RUNNING"}.
  std::map<std::pair<std::string, std::string>, int64_t> unfinished;
  // How long ago the lease that has been held longest was given; zero if none
  // is held.
  absl::Duration oldest_lease;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_JOB_FIGURES_H_
