// The `serving` service: answers for images. The end of the way: image -> ...
// -> model -> prediction. All it knows of models comes from the registry
// (model_set.h), all computing is on one thread (batcher.h); what it answered
// it keeps in its log (prediction_watch.h).
#ifndef NEVUS_SERVICES_SERVING_SERVING_SERVICE_H_
#define NEVUS_SERVICES_SERVING_SERVING_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/runtime/hosted_service.h"

namespace nevus {

// Opens the prediction log below context.data_dir. Errors: those of
// RocksDbStore.
absl::StatusOr<std::unique_ptr<HostedService>> NewServingService(
    const ServiceContext& context);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_SERVING_SERVICE_H_
