// The `training` service: starts the jobs that make and judge models.
//
// feature -> [training] -> model. It keeps nothing and computes nothing: it
// finds out early whether the job can succeed, and hands it to the scheduler.
// Workers do the rest (training_handler.h, evaluation_handler.h).
#ifndef NEVUS_SERVICES_TRAINING_TRAINING_SERVICE_H_
#define NEVUS_SERVICES_TRAINING_TRAINING_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/runtime/hosted_service.h"

namespace nevus {

// Never fails; StatusOr as every service's factory.
absl::StatusOr<std::unique_ptr<HostedService>> NewTrainingService(
    const ServiceContext& context);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_TRAINING_SERVICE_H_
