// Long work beside those who answer. Knows the kernel's scheduler, no model.
#ifndef NEVUS_SERVICES_SERVING_GIVING_WAY_H_
#define NEVUS_SERVICES_SERVING_GIVING_WAY_H_

#include <functional>

#include "absl/time/time.h"

namespace nevus {

// Runs `work` on a thread of its own and waits for its end. The thread gets the
// cores that nobody else wants (Linux's SCHED_IDLE: who wakes up never waits
// for it), and after `patience` a tenth of one that others want too (nice 10),
// so that it ends on a machine without a free core. Where nobody may raise a
// priority again (neither CAP_SYS_NICE nor an RLIMIT_NICE of 10), a tenth from
// the start.
void RunGivingWay(absl::Duration patience, const std::function<void()>& work);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_GIVING_WAY_H_
