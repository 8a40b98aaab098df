// A pigmented lesion, painted from its traits: the only part of a synthetic
// photograph that depends on its class.
#ifndef NEVUS_CLIENTS_SYNTHETIC_LESION_H_
#define NEVUS_CLIENTS_SYNTHETIC_LESION_H_

#include "clients/synthetic/canvas.h"
#include "clients/synthetic/random.h"
#include "clients/synthetic/skin.h"
#include "clients/synthetic/synthetic.h"

namespace nevus {

void PaintLesion(const LesionTraits& traits, const Skin& skin, Random& random,
                 Canvas& canvas);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_SYNTHETIC_LESION_H_
