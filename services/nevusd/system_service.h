// The `system` service, in every process: what it runs on, and what is wrong
// with that. For `nevus doctor`.
#ifndef NEVUS_SERVICES_NEVUSD_SYSTEM_SERVICE_H_
#define NEVUS_SERVICES_NEVUSD_SYSTEM_SERVICE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/hosted_service.h"

namespace nevus {

std::unique_ptr<HostedService> NewSystemService(
    const ServiceContext& context, const std::vector<std::string>& services,
    const std::map<std::string, int>& workers);

}  // namespace nevus

#endif  // NEVUS_SERVICES_NEVUSD_SYSTEM_SERVICE_H_
