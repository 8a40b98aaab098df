// The report's section on what the probabilities mean and when none is given.
// ... -> evaluation -> [report]. Knows the classes of page_style.h.
#ifndef NEVUS_COMPUTE_EVALUATION_HONESTY_SECTION_H_
#define NEVUS_COMPUTE_EVALUATION_HONESTY_SECTION_H_

#include <string>

#include "compute/evaluation/evaluation.h"

namespace nevus {

// Calibration before and after, where there are both, and abstention.
std::string HonestySection(const Evaluation& evaluation);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_HONESTY_SECTION_H_
