// The `system` service, in every process: what it runs on, and what is wrong
// with that, for `nevus doctor`; copying and checking what its services keep,
// for `nevus admin`.
#ifndef NEVUS_SERVICES_NEVUSD_SYSTEM_SERVICE_H_
#define NEVUS_SERVICES_NEVUSD_SYSTEM_SERVICE_H_

#include <map>
#include <memory>
#include <string>

#include "services/runtime/hosted_service.h"

namespace nevus {

// `services` are those of this process by name, and must outlive the result.
std::unique_ptr<HostedService> NewSystemService(
    const ServiceContext& context,
    const std::map<std::string, HostedService*>& services,
    const std::map<std::string, int>& workers);

}  // namespace nevus

#endif  // NEVUS_SERVICES_NEVUSD_SYSTEM_SERVICE_H_
