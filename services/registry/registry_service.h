// The `registry` service: keeps backbones and models in data_dir/registry.
#ifndef NEVUS_SERVICES_REGISTRY_REGISTRY_SERVICE_H_
#define NEVUS_SERVICES_REGISTRY_REGISTRY_SERVICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/runtime/hosted_service.h"

namespace nevus {

absl::StatusOr<std::unique_ptr<HostedService>> NewRegistryService(
    const ServiceContext& context);

}  // namespace nevus

#endif  // NEVUS_SERVICES_REGISTRY_REGISTRY_SERVICE_H_
