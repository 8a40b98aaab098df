// The `serving` service: answers for images. The end of the way: image -> ...
// -> model -> prediction. It stores nothing; all it knows of models comes from
// the registry (model_cache.h), all computing is on one thread (batcher.h).
#ifndef NEVUS_SERVICES_SERVING_SERVING_SERVICE_H_
#define NEVUS_SERVICES_SERVING_SERVING_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/runtime/hosted_service.h"

namespace nevus {

// Never fails; StatusOr as every service's factory.
absl::StatusOr<std::unique_ptr<HostedService>> NewServingService(
    const ServiceContext& context);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_SERVING_SERVICE_H_
