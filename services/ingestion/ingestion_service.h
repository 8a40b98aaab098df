// The `ingestion` service: DatasetService over the DatasetStore, where every
// image enters: image -> dataset. It decodes images only to refuse bad ones,
// and knows nothing of features and models.
#ifndef NEVUS_SERVICES_INGESTION_INGESTION_SERVICE_H_
#define NEVUS_SERVICES_INGESTION_INGESTION_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/runtime/hosted_service.h"

namespace nevus {

// Opens the store in data_dir/ingestion.
absl::StatusOr<std::unique_ptr<HostedService>> NewIngestionService(
    const ServiceContext& context);

}  // namespace nevus

#endif  // NEVUS_SERVICES_INGESTION_INGESTION_SERVICE_H_
