// The `extraction` service: keeps features and starts the jobs that compute
// them.
//
// dataset -> [extraction] -> feature. It asks ingestion which images a version
// has and the registry what a backbone is, and computes nothing itself: workers
// do (extraction_handler.h).
#ifndef NEVUS_SERVICES_EXTRACTION_EXTRACTION_SERVICE_H_
#define NEVUS_SERVICES_EXTRACTION_EXTRACTION_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/runtime/hosted_service.h"

namespace nevus {

// Opens data_dir/extraction. Errors as RocksDbStore::Open.
absl::StatusOr<std::unique_ptr<HostedService>> NewExtractionService(
    const ServiceContext& context);

}  // namespace nevus

#endif  // NEVUS_SERVICES_EXTRACTION_EXTRACTION_SERVICE_H_
