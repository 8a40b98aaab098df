// The `scheduler` service: JobService and WorkerService over the Scheduler.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_SERVICE_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/runtime/hosted_service.h"

namespace nevus {

// Opens the store in data_dir/scheduler.
absl::StatusOr<std::unique_ptr<HostedService>> NewSchedulerService(
    const ServiceContext& context);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_SERVICE_H_
