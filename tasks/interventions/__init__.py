"""Tasks about interventions: plan for leads at risk, let gates judge, hand over to the CRM, and follow up."""
