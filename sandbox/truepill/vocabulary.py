"""What the patient safety searches know: common names of allergens, conditions and medications."""

from __future__ import annotations

__all__ = ["ALLERGENS", "CONDITIONS", "MEDICATIONS"]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for line in text.splitlines() for name in line.split(";") if name.strip())


ALLERGENS = _names("""
    Pear; Peach; Peanut; Pea; Pecan; Pepper; Apple; Apricot; Avocado; Banana; Barley; Bean; Bee Pollen; Beef
    Beet; Birch Pollen; Brazil Nut; Buckwheat; Carrot; Casein; Cashew; Cat Dander; Celery; Cherry; Chicken
    Chickpea; Chlorhexidine; Cinnamon; Clam; Coconut; Codeine; Codfish; Contrast Media; Corn; Cow Milk; Crab
    Dog Dander; Dust Mite; Egg White; Egg Yolk; Fennel; Fig; Flaxseed; Formaldehyde; Garlic; Gelatin; Gluten
    Grape; Grass Pollen; Green Tea; Hazelnut; Honey; Horse Dander; Ibuprofen; Iodine; Kiwi; Lanolin; Latex
    Lentil; Lobster; Lupin; Macadamia; Mango; Melon; Mold; Mussel; Mustard; Naproxen; Neomycin; Nickel; Oat
    Onion; Orange; Oyster; Parsley; Penicillins; Pine Nut; Pineapple; Pistachio; Plum; Pork; Potato; Propolis
    Ragweed; Rice; Rye; Salmon; Sea Bass; Sesame; Shrimp; Soybean; Spinach; Strawberry; Sulfites; Sulfonamides
    Sunflower Seed; Tartrazine; Tea Tree Oil; Tomato; Tree Nut; Tuna; Turkey; Urea; Walnut; Wheat; Wool; Yeast
""")
CONDITIONS = _names("""
    Abnormal heart beat; Abdominal pain; Acne; Allergic rhinitis; Alopecia; Anemia; Angina; Anxiety disorder
    Appendicitis; Arthritis; Asthma; Atopic dermatitis; Atrial fibrillation; Back pain; Bipolar disorder
    Bronchitis; Cataract; Celiac disease; Chronic kidney disease; Chronic obstructive pulmonary disease
    Concussion; Congestive heart failure; Conjunctivitis; Constipation; Coronary artery disease; Cystitis
    Deep vein thrombosis; Dementia; Depression; Diarrhea; Diverticulitis; Ear infection; Eczema; Endometriosis
    Epilepsy; Erectile dysfunction; Fatty liver; Fibromyalgia; Gallstones; Gastritis
    Gastroesophageal reflux disease; Glaucoma; Gout; Head injury; Hearing loss; Heart murmur; Heat exhaustion
    Hemorrhoids; Hepatitis; Herpes zoster; Hyperlipidemia; Hypertension; Hyperthyroidism; Hypothyroidism
    Impetigo; Influenza; Insomnia; Irritable bowel syndrome; Kidney stones; Lactose intolerance
    Lupus erythematosus; Lyme disease; Macular degeneration; Measles; Melanoma; Menopause; Migraine; Mumps
    Multiple sclerosis; Nausea; Neuropathy; Obesity; Osteoporosis; Otitis media; Pancreatitis
    Panic disorder; Parkinson disease; Peptic ulcer; Pertussis; Pleurisy; Pneumonia; Pneumothorax
    Pre-eclampsia; Prostate enlargement; Psoriasis; Pulmonary embolism; Rheumatoid arthritis; Rosacea
    Sciatica
    Seizure; Sinusitis; Sleep apnea; Stroke; Substance use disorder; Tear duct blockage; Tinnitus; Tonsillitis
    Tuberculosis; Type 1 diabetes; Type 2 diabetes; Ulcerative colitis; Urinary tract infection; Vertigo
""")
MEDICATIONS = _names("""
    ACETAMINOPHEN; ACYCLOVIR; ALBUTEROL; ALENDRONATE; ALLOPURINOL; ALPRAZOLAM; AMITRIPTYLINE; AMLODIPINE
    AMOXICILLIN; APIXABAN; ARIPIPRAZOLE; ATENOLOL; ATORVASTATIN; AZITHROMYCIN; BACLOFEN; BENAZEPRIL
    BUPROPION; BUSPIRONE; CARVEDILOL; CEFDINIR; CELECOXIB; CEPHALEXIN; CETIRIZINE; CIPROFLOXACIN; CITALOPRAM
    CLINDAMYCIN; CLONAZEPAM; CLONIDINE; CLOPIDOGREL; CYCLOBENZAPRINE; DICLOFENAC; DILTIAZEM; DOXYCYCLINE
    DULOXETINE; EMPAGLIFLOZIN; EPINEPHRINE PEN; ESCITALOPRAM; ESOMEPRAZOLE; ESTRADIOL; EZETIMIBE; FAMOTIDINE
    FENOFIBRATE; FINASTERIDE; FLUCONAZOLE; FLUOXETINE; FLUTICASONE; FUROSEMIDE; GABAPENTIN; GLIMEPIRIDE
    GLIPIZIDE; HYDROCHLOROTHIAZIDE; HYDROXYZINE; IBUPROFEN; INSULIN GLARGINE PEN; INSULIN LISPRO PEN
    IRBESARTAN; LAMOTRIGINE; LATANOPROST; LEVETIRACETAM; LEVOCETIRIZINE; LEVOTHYROXINE; LISINOPRIL; LORATADINE
    LORAZEPAM; LOSARTAN; MELOXICAM; METFORMIN; METHOCARBAMOL; METHOTREXATE; METOPROLOL; METRONIDAZOLE
    MIRTAZAPINE; MONTELUKAST; NAPROXEN; NITROFURANTOIN; NORETHINDRONE; OLMESARTAN; OMEPRAZOLE; ONDANSETRON
    OXYBUTYNIN; PANTOPRAZOLE; PAROXETINE; PENICILLIN V POTASSIUM; PRAVASTATIN; PREDNISONE; PREGABALIN
    PROPRANOLOL; QUETIAPINE; ROSUVASTATIN; SEMAGLUTIDE PEN; SERTRALINE; SILDENAFIL; SIMVASTATIN; SITAGLIPTIN
    SPIRONOLACTONE; SUMATRIPTAN; TADALAFIL; TAMSULOSIN; TIZANIDINE; TOPIRAMATE; TRAZODONE; TRIAMCINOLONE
    VALACYCLOVIR; VALSARTAN; VENLAFAXINE; VERAPAMIL; WARFARIN; ZOLPIDEM
""")
